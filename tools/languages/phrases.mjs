// English phrases with what they are called in other languages: words of dictionaries, alone, with an article, of a colour
// or size; emoji's names and tags; and what pictures are called in English, to stay as it is.
import { readFile } from 'node:fs/promises'
import { npmPackage } from '../pictures/packages.mjs'
import { rng } from '../pictures/random.mjs'
import { readShards } from '../pictures/read.mjs'
import { conceptOf } from '../pictures/shards.mjs'
import { translated, UNKNOWN } from './apertium.mjs'
import { LANGUAGES, wordsOf } from './dictionaries.mjs'
import { everyday } from './everyday.mjs'

/**
 * @typedef {import('./dictionaries.mjs').Language} Language
 * @typedef {{ english: string, texts: string[] }} Phrase `texts`: in English and other languages, to mean the same
 */

/** Captions of a picture that stay. */
const ENGLISH = 1
/** Letters of a phrase: steps take as long as the longest of a batch. */
const LONGEST = 64
/** Translations of a phrase into a language. */
const MOST = 2
const TAGS = 3
const KEPT_OF_GERMAN = 0.05
/** Endings that German names of people have in brackets or behind a stroke. */
const FEMININE = /\((?:in|r|e|n|innen)\)|\/-?(?:in|r|e)\b/g
const TEMPLATES = [
  { en: 'a photo of {}', de: 'ein foto von {}', fr: 'une photo de {}', es: 'una foto de {}' },
  { en: 'a picture of {}', de: 'ein bild von {}', fr: 'une image de {}', es: 'una imagen de {}' },
  { en: 'a drawing of {}', de: 'eine zeichnung von {}', fr: 'un dessin de {}', es: 'un dibujo de {}' },
]
/** As masculine and feminine; German puts its endings itself. French and Spanish before the noun where marked. */
const ADJECTIVES = [
  { en: 'red', de: 'rot', fr: ['rouge', 'rouge'], es: ['rojo', 'roja'] },
  { en: 'green', de: 'grün', fr: ['vert', 'verte'], es: ['verde', 'verde'] },
  { en: 'blue', de: 'blau', fr: ['bleu', 'bleue'], es: ['azul', 'azul'] },
  { en: 'yellow', de: 'gelb', fr: ['jaune', 'jaune'], es: ['amarillo', 'amarilla'] },
  { en: 'black', de: 'schwarz', fr: ['noir', 'noire'], es: ['negro', 'negra'] },
  { en: 'white', de: 'weiß', fr: ['blanc', 'blanche'], es: ['blanco', 'blanca'] },
  { en: 'brown', de: 'braun', fr: ['brun', 'brune'], es: ['marrón', 'marrón'] },
  { en: 'big', de: 'groß', fr: ['<grand', '<grande'], es: ['grande', 'grande'] },
  { en: 'small', de: 'klein', fr: ['<petit', '<petite'], es: ['pequeño', 'pequeña'] },
  { en: 'old', de: 'alt', fr: ['<vieux', '<vieille'], es: ['viejo', 'vieja'] },
  { en: 'wooden', de: 'hölzern', fr: ['en bois', 'en bois'], es: ['de madera', 'de madera'] },
]

/** @param {string} grammar @param {Language} language @param {string} word */
function genderOf(grammar, language, word) {
  const [, gender] = /\b(masc|fem|neut)\b/.exec(/\bpl\b/.test(grammar) ? '' : grammar) ?? []
  // Spanish dictionaries say none; endings tell most.
  return language === 'es' ? (/(a|ción|sión|dad|tud)$/.test(word) ? 'fem' : 'masc') : gender
}

/** "A red apple" in a language, the adjective left out if there is none. @param {Language} language @param {string} word @param {string} gender @param {(typeof ADJECTIVES)[number]} [adjective] */
function withArticle(language, word, gender, adjective) {
  const feminine = gender === 'fem' ? 1 : 0
  const article = { de: ['ein', 'eine'], fr: ['un', 'une'], es: ['un', 'una'] }[language][feminine]
  if (!adjective) return `${article} ${word}`
  if (language === 'de') return `${article} ${adjective.de}${{ masc: 'er', fem: 'e', neut: 'es' }[gender]} ${word}`
  const own = adjective[language][feminine] ?? ''
  return own.startsWith('<') ? `${article} ${own.slice(1)} ${word}` : `${article} ${word} ${own}`
}

/** @param {string} english */
const anEnglish = (english) => `${/^[aeiou]/.test(english) ? 'an' : 'a'} ${english}`

/** What emoji are called, and with some of their tags, by language; English first. */
async function emoji(/** @type {ReadonlySet<string>} */ heldOut) {
  const folder = await npmPackage('emojibase-data')
  const codes = /** @type {('en' | Language)[]} */ (['en', ...Object.keys(LANGUAGES)])
  /** @type {Map<string, { label: string, tags?: string[], hexcode: string, group?: number }>[]} */
  const data = []
  for (const code of codes) {
    const list = JSON.parse(await readFile(`${folder}/${code}/data.json`, 'utf8'))
    data.push(new Map(list.map((/** @type {{ hexcode: string }} */ one) => [one.hexcode, one])))
  }
  /** @type {Phrase[]} */
  const phrases = []
  for (const hexcode of data[0]?.keys() ?? []) {
    const all = data.map((one) => one.get(hexcode)).filter((one) => one !== undefined)
    if (all[0]?.group === undefined || heldOut.has(conceptOf(all[0].label))) continue
    for (const words of [
      all.map(({ label }) => label.replace(FEMININE, '')),
      all.map(({ label, tags = [] }) => `${label.replace(FEMININE, '')}, ${tags.slice(0, TAGS).join(', ')}`),
    ])
      phrases.push({ english: words[0] ?? '', texts: words })
  }
  return phrases
}

/**
 * Nouns and adjectives of the dictionaries whose English words pictures know.
 * @param {ReadonlySet<string>} known @param {ReadonlySet<string>} heldOut
 */
async function words(known, heldOut) {
  /** @type {Map<string, { language: Language, other: string, gender?: string }[]>} */
  const byEnglish = new Map()
  for (const language of /** @type {Language[]} */ (Object.keys(LANGUAGES)))
    for (const { english, other, grammar } of await wordsOf(language)) {
      if (!english.split(/[ -]/).every((word) => known.has(word)) || /\b(v|adv|prep)\b/.test(grammar)) continue
      const found = byEnglish.get(english) ?? []
      const same = found.filter((one) => one.language === language)
      if (same.length < MOST && !same.some((one) => one.other === other))
        found.push({ language, other, gender: genderOf(grammar, language, other) })
      byEnglish.set(english, found)
    }
  /** @type {Phrase[]} */
  const phrases = []
  for (const [english, found] of byEnglish) {
    const random = rng(english)
    // The German dictionary is forty times as large as the others: of what it alone has, and says in several words, a part.
    const german = found.every(({ language }) => language === 'de')
    if (heldOut.has(conceptOf(english)) || (german && /[ -]/.test(english) && random.unit() >= KEPT_OF_GERMAN)) continue
    phrases.push({ english, texts: [english, ...found.map(({ other }) => other)] })
    const nouns = found.filter(({ gender }) => gender)
    if (nouns.every(({ language }) => language === 'es')) continue
    const adjective = random.of(ADJECTIVES)
    const template = random.of(TEMPLATES)
    const others = (/** @type {(typeof ADJECTIVES)[number] | undefined} */ how = undefined) =>
      nouns.map(({ language, other, gender = '' }) => withArticle(language, other, gender, how))
    const framed = found.map(({ language, other }) => template[language].replace('{}', other))
    const choices = [
      [anEnglish(english), ...others()],
      [anEnglish(`${adjective.en} ${english}`), ...others(adjective)],
      [template.en.replace('{}', english), ...framed],
    ]
    const texts = random.of(choices)
    phrases.push({ english: texts[0] ?? '', texts })
  }
  return phrases
}

/** English captions, with what Apertium makes of them. @param {readonly string[]} captions @returns {Promise<Phrase[]>} */
async function captioned(captions) {
  const spanish = await translated('eng-spa', captions)
  const french = await translated('es-fr', spanish)
  const known = (/** @type {string | undefined} */ text) => (text && !UNKNOWN.test(text) ? [text.toLowerCase()] : [])
  return captions.map((english, i) => ({ english, texts: [english, ...known(spanish[i]), ...known(french[i])] }))
}

/** Words of GCompris with their articles. @param {ReadonlySet<string>} heldOut */
async function taught(heldOut) {
  /** @type {Map<string, string[]>} */
  const all = new Map()
  for (const { english, article, word } of await everyday())
    if (!heldOut.has(conceptOf(english))) all.set(english, [...(all.get(english) ?? []), article + word])
  return [...all].map(([english, texts]) => ({ english, texts: [english, ...texts] }))
}

/** Phrases to learn; none whose concept is held out with the pictures. */
export async function phrases() {
  const pictures = await readShards('train')
  const captions = pictures.flatMap((picture) => picture.captions.slice(0, ENGLISH))
  const known = new Set(pictures.flatMap(({ group }) => group.split(' ')))
  const heldOut = new Set((await readShards('held-out')).map(({ group }) => group))
  const all = await captioned([...new Set(captions)].filter((caption) => caption.length <= LONGEST))
  for (const { english, texts } of [
    ...(await emoji(heldOut)),
    ...(await words(known, heldOut)),
    ...(await taught(heldOut)),
  ])
    all.push({ english, texts: [...new Set(texts.map((text) => text.toLowerCase()))] })
  for (const phrase of all) phrase.texts = phrase.texts.filter((text) => text.length <= LONGEST)
  // Short beside short: what the shipped model says of them is computed in batches, padded to the longest.
  return all.filter(({ texts }) => texts.length > 0).sort((a, b) => a.english.length - b.english.length)
}
