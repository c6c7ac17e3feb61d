// How often words are used: wordfreq's lists (Apache-2.0; the data CC-BY-SA-4.0), and what they are forms of: spaCy's (MIT).
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { decode } from '@msgpack/msgpack'
import { pythonPackage } from '../pictures/packages.mjs'
import { remembered } from './remembered.mjs'

/** The logarithm of how often a billion words have it, of the first list. */
const MOST = 9
/** How many lists a tenfold is. */
const STEPS = 100

/** Words with the logarithm of how often a billion words have them: 7 of `und`, 3 of what is rare; `ß` is `ss` in them. */
export const frequencies = remembered(async (language) => {
  const file = `${await pythonPackage('wordfreq')}/wordfreq/data/large_${language}.msgpack.gz`
  const [, ...words] = /** @type {[head: unknown, ...string[][]]} */ (decode(gunzipSync(await readFile(file))))
  return new Map(words.flatMap((some, i) => some.map((word) => /** @type {const} */ ([word, MOST - i / STEPS]))))
})

/**
 * What words are forms of.
 * @param {string} language @returns {Promise<Map<string, string[]>>}
 */
export async function lemmas(language) {
  const folder = `${await pythonPackage('spacy-lookups-data')}/spacy_lookups_data/data`
  /** @type {Record<string, string | string[]>} */
  const forms = JSON.parse(gunzipSync(await readFile(`${folder}/${language}_lemma_lookup.json.gz`)).toString())
  return new Map(Object.entries(forms).map(([form, lemma]) => [form, [lemma].flat()]))
}
