// Words of FreeDict's dictionaries (GPL-2+; the German one GPL-3 and AGPL-3), as Debian packs them for dictd.
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { debianPackage } from '../pictures/packages.mjs'

/** Languages by the names that dictionaries have. */
export const LANGUAGES = { de: 'deu', fr: 'fra', es: 'spa' }

/**
 * @typedef {object} Entry a word with what it may be called in the other language
 * @property {string} word
 * @property {string} grammar what the dictionary says of it, such as `masc, n, sg`; '' where it says nothing
 * @property {string[]} translations
 */

/** A headword with its pronunciation; what it means stands below, until the next. */
const HEAD = /^(\S.*?) \/.*\/(?: <(.*)>)?$/
/** Examples, notes and references. */
const ASIDE = /^( {2,}| see:)|^\s*$/
/** The number of a sense, before it or on a line of its own. */
const SENSE = /^ ?\d+\.\s*/
/** Marks of grammar, fields and what is said in brackets. */
const MARKS = /<[^>]*>|\[[^\]]*\]|\([^)]*\)/g

/**
 * @param {string} text of a `.dict` file
 * @param {boolean} all whether every line translates; else only the first of each sense, and what it means stands below
 * @returns {Entry[]}
 */
export function entriesOf(text, all) {
  /** @type {Entry[]} */
  const entries = []
  /** @type {Entry | undefined} */
  let entry
  let begins = true
  for (const line of text.split('\n')) {
    const [, word, grammar = ''] = HEAD.exec(line) ?? []
    if (word) {
      entries.push((entry = { word, grammar, translations: [] }))
      begins = true
    } else if (entry && !ASIDE.test(line)) {
      const own = line.replace(SENSE, '')
      begins ||= all || own !== line
      if (!own || !begins) continue
      begins = false
      const words = own.replace(MARKS, '').split(/[,;]/)
      entry.translations.push(...words.map((one) => one.replace(/\s+/g, ' ').trim()).filter(Boolean))
    }
  }
  return entries
}

/** @param {string} from @param {string} to */
export async function dictionary(from, to) {
  const name = `freedict-${from}-${to}`
  const file = `${await debianPackage(`dict-${name}`)}/usr/share/dictd/${name}.dict.dz`
  const entries = entriesOf(gunzipSync(await readFile(file)).toString(), name.includes('deu') && name.includes('eng'))
  return entries.filter(({ word }) => isWord(word))
}

/** Words that are one thing's name, no proper name and no sentence. */
export const isWord = (/** @type {string} */ word) => /^[\p{L}' -]{2,40}$/u.test(word) && word.split(' ').length < 4

/**
 * English words with those of a language, both ways; the grammar is that of the other language's word, where known.
 * @param {keyof typeof LANGUAGES} language
 */
export async function wordsOf(language) {
  const own = LANGUAGES[language]
  const [into, outOf] = await Promise.all([dictionary('eng', own), dictionary(own, 'eng')])
  const grammars = new Map(outOf.map(({ word, grammar }) => [word, grammar]))
  return [
    ...into.flatMap(({ word, translations }) => translations.map((other) => ({ english: word, other }))),
    ...outOf.flatMap(({ word, translations }) => translations.map((english) => ({ english, other: word }))),
  ]
    .filter(({ english, other }) => isWord(english) && isWord(other))
    .map(({ english, other }) => ({ english: english.toLowerCase(), other, grammar: grammars.get(other) ?? '' }))
}
