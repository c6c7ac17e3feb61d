// Words of FreeDict's dictionaries (GPL-2+; the German one GPL-3 and AGPL-3), as Debian packs them for dictd.
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { debianPackage } from '../pictures/packages.mjs'
import { remembered } from './remembered.mjs'

/** @typedef {keyof typeof LANGUAGES} Language */
/** Languages by the names that dictionaries have. */
export const LANGUAGES = { de: 'deu', fr: 'fra', es: 'spa' }

/** An English word without what goes before it. @param {string} english */
export const bare = (english) => english.replace(/^(to|an?|the) /, '')

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

const read = remembered(async (name) => {
  const file = `${await debianPackage(`dict-${name}`)}/usr/share/dictd/${name}.dict.dz`
  const entries = entriesOf(gunzipSync(await readFile(file)).toString(), name.includes('deu') && name.includes('eng'))
  return entries.filter(({ word }) => isWord(word))
})

/** @param {string} from @param {string} to */
export const dictionary = (from, to) => read(`freedict-${from}-${to}`)

/** Words that are one thing's name, no proper name and no sentence. */
export const isWord = (/** @type {string} */ word) => /^[\p{L}' -]{2,40}$/u.test(word) && word.split(' ').length < 4

/** Both dictionaries of two languages as pairs, the first language's word first. @param {string} own @param {string} other @param {number} [most] translations of a word */
export async function pairsOf(own, other, most = Infinity) {
  const [there, back] = await Promise.all([dictionary(own, other), dictionary(other, own)])
  const told = (/** @type {typeof there} */ entries) =>
    entries.flatMap(({ word, translations }) =>
      translations
        .slice(0, most)
        .map((to, rank) => ({ word, to, score: 1 / (1 + rank / 2) }))
        .filter(({ to }) => isWord(to)),
    )
  return [...told(there), ...told(back).map(({ word, to, score }) => ({ word: to, to: word, score }))]
}

/**
 * English words with those of a language, both ways; the grammar is that of the other language's word, where known.
 * @param {Language} language
 */
export async function wordsOf(language) {
  const own = LANGUAGES[language]
  const grammars = new Map((await dictionary(own, 'eng')).map(({ word, grammar }) => [word, grammar]))
  const pairs = await pairsOf('eng', own)
  return pairs.map(({ word, to }) => ({ english: word.toLowerCase(), other: to, grammar: grammars.get(to) ?? '' }))
}
