// What words of other languages mean in English: FreeDict's dictionaries (for French and Spanish, whose own are small, those
// into German and out of it too), GCompris' words of pictures, Apertium's translators, and what words are forms of.
import { translated, UNKNOWN } from './apertium.mjs'
import { bare, LANGUAGES, pairsOf } from './dictionaries.mjs'
import { everyday } from './everyday.mjs'
import { frequencies, lemmas } from './frequencies.mjs'
import { functionWords } from './function-words.mjs'

/**
 * @typedef {import('./dictionaries.mjs').Language} Language
 * @typedef {Map<string, Map<string, number>>} Meanings words, and how well each English one tells them
 */

/** Meanings that count of what a dictionary gives, and of what it gives by way of German. */
const DIRECT = 6
const BY_GERMAN = 4
const GERMAN_COUNTS = 0.6
const EVERYDAY_COUNTS = 3
const TRANSLATORS_COUNT = { es: 1.5, fr: 1 }
/** What counts of the meanings of a form's word, where the form has its own. */
const FORM_COUNTS = 0.3
/** How often forms and words to translate have to be used (three in a hundred million words). */
const USED = 1.5
/** As often as the first of all words. */
const MOST_USED = 8
/** What a translator puts before a verb that stands alone. */
const SAID = /^(i|it|we|you|they) (?:(?:am|is|are|was|were|will|would|have|has|had|be|been) )*/

/** As BERT's tokenizer has words: without capitals and accents. @param {string} word */
export const plain = (word) =>
  word
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .trim()

/** As lists of frequencies have words. @param {string} word */
const spelt = (word) => word.replaceAll('ß', 'ss')

/** The best two, the first as 1. @param {ReadonlyMap<string, number> | undefined} meanings */
function best(meanings) {
  const sorted = [...(meanings ?? [])].sort(([, a], [, b]) => b - a).slice(0, 2)
  return sorted.map(([word, score]) => ({ word, score: score / (sorted[0]?.[1] ?? 1) }))
}

/** Words that are used, with what Apertium makes of each alone. @param {'fr' | 'es'} language */
async function alone(language) {
  const words = [...(await frequencies(language))].filter(([word, often]) => often >= USED && /^\p{L}+$/u.test(word))
  const own = words.map(([word]) => word)
  const spanish = language === 'fr' ? await translated('fr-es', own) : own
  const english = await translated('spa-eng', spanish)
  return own.flatMap((word, i) => {
    const told = bare(english[i]?.toLowerCase() ?? '')
    const short = told.replace(SAID, '') || told
    return !UNKNOWN.test(told) && /^[a-z]+( [a-z]+)?$/.test(short) ? [{ word, english: short }] : []
  })
}

/** Adds to what a word means. @param {Meanings} known @param {string} word @param {string} english @param {number} score */
function add(known, word, english, score) {
  const own = known.get(word) ?? new Map()
  known.set(word, own.set(english, (own.get(english) ?? 0) + score))
}

/** @returns {Promise<Record<Language, Meanings>>} words as BERT has them */
export async function meanings() {
  /** With their accents. @type {Record<Language, Meanings>} */
  const known = { de: new Map(), fr: new Map(), es: new Map() }
  const languages = /** @type {Language[]} */ (Object.keys(LANGUAGES))
  for (const language of languages)
    for (const { word, to, score } of await pairsOf(LANGUAGES[language], 'eng', DIRECT))
      add(known[language], word.toLowerCase(), bare(plain(to)), score)
  for (const language of /** @type {const} */ (['fr', 'es'])) {
    for (const { word, to, score } of await pairsOf(LANGUAGES[language], LANGUAGES.de, BY_GERMAN))
      for (const english of best(known.de.get(to.toLowerCase())))
        add(known[language], word.toLowerCase(), english.word, GERMAN_COUNTS * score * english.score)
    for (const { word, english } of await alone(language))
      add(known[language], word, english, TRANSLATORS_COUNT[language])
  }
  for (const { language, word, english } of await everyday()) add(known[language], word, english, EVERYDAY_COUNTS)
  for (const language of languages) {
    await addForms(language, known[language])
    for (const word of [...known[language].keys()].filter((word) => word.length === 1)) known[language].delete(word)
    for (const { word } of functionWords(language)) known[language].delete(word)
    for (const { word, english } of functionWords(language)) add(known[language], word, english, 1)
    known[language] = folded(known[language], await frequencies(language))
  }
  return known
}

/** Forms mean what their word does, those that are known besides. @param {Language} language @param {Meanings} known */
async function addForms(language, known) {
  const often = await frequencies(language)
  /** @type {Meanings} */
  const forms = new Map()
  for (const [form, words] of await lemmas(language)) {
    const own = form.toLowerCase()
    if ((often.get(spelt(own)) ?? 0) < USED) continue
    const share = known.has(own) ? FORM_COUNTS : 1
    for (const word of words.map((one) => one.toLowerCase()).filter((one) => one !== own))
      for (const [english, score] of known.get(word) ?? []) add(forms, own, english, share * score)
  }
  for (const [form, told] of forms) for (const [english, score] of told) add(known, form, english, score)
}

/**
 * Words without their accents: of those that are the same then, what is used more counts more.
 * @param {Meanings} known @param {ReadonlyMap<string, number>} often
 */
export function folded(known, often) {
  /** @type {Meanings} */
  const all = new Map()
  for (const [word, told] of known) {
    const share = 10 ** ((often.get(spelt(word)) ?? 0) - MOST_USED)
    for (const [english, score] of told) add(all, plain(word), english, share * score)
  }
  return all
}
