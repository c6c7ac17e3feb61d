// What words of other languages mean in English: FreeDict's dictionaries, and for French and Spanish, whose own are small,
// those into German and out of it too.
import { LANGUAGES, pairsOf } from './dictionaries.mjs'

/**
 * @typedef {keyof typeof LANGUAGES} Language
 * @typedef {Map<string, Map<string, number>>} Meanings words, and how well each English one tells them
 */

/** Meanings that count of what a dictionary gives, and of what it gives by way of German. */
const DIRECT = 6
const BY_GERMAN = 4
const GERMAN_COUNTS = 0.6

/** As BERT's tokenizer has words: without capitals and accents. @param {string} word */
export const plain = (word) =>
  word
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .trim()

/** The best two, the first as 1. @param {ReadonlyMap<string, number> | undefined} meanings */
function best(meanings) {
  const sorted = [...(meanings ?? [])].sort(([, a], [, b]) => b - a).slice(0, 2)
  return sorted.map(([word, score]) => ({ word, score: score / (sorted[0]?.[1] ?? 1) }))
}

/** @returns {Promise<Record<Language, Meanings>>} words as BERT has them */
export async function meanings() {
  /** @type {Record<Language, Meanings>} */
  const known = { de: new Map(), fr: new Map(), es: new Map() }
  const add = (
    /** @type {Language} */ language,
    /** @type {string} */ word,
    /** @type {string} */ english,
    score = 1,
  ) => {
    const own = known[language].get(word) ?? new Map()
    known[language].set(word, own.set(english, (own.get(english) ?? 0) + score))
  }
  for (const language of /** @type {Language[]} */ (Object.keys(LANGUAGES)))
    for (const { word, to, score } of await pairsOf(LANGUAGES[language], 'eng', DIRECT))
      add(language, plain(word), plain(to).replace(/^(to|an?|the) /, ''), score)
  for (const language of /** @type {Language[]} */ (['fr', 'es']))
    for (const { word, to, score } of await pairsOf(LANGUAGES[language], LANGUAGES.de, BY_GERMAN))
      for (const english of best(known.de.get(plain(to))))
        add(language, plain(word), english.word, GERMAN_COUNTS * score * english.score)
  return known
}
