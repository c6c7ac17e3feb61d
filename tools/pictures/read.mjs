import { readFile, readdir } from 'node:fs/promises'
import { cache } from './packages.mjs'

/**
 * A picture of a shard: what `writeShard` wrote of it.
 * @typedef {object} Entry
 * @property {string} key
 * @property {Uint8Array} image a PNG
 * @property {string} label
 * @property {string[]} captions
 * @property {string} group its concept
 * @property {string[]} tags
 * @property {string} [kind] a photograph or a surface; a drawing otherwise
 * @property {Record<string, string>} [translations] the label by language
 */

/** All pictures of the shards whose names begin so, as `npm run pictures` has made them. @param {string} name */
export async function readShards(name) {
  const files = (await readdir(`${cache}/shards`).catch(() => [])).filter(
    (file) => file.startsWith(name) && file.endsWith('.tar'),
  )
  if (files.length === 0) throw new Error(`There is no ${name}*.tar in ${cache}/shards. Run npm run pictures first.`)
  /** @type {Entry[]} */
  const entries = []
  for (const file of files.sort()) {
    const tar = await readFile(`${cache}/shards/${file}`)
    let image = tar.subarray(0, 0)
    for (let at = 0; tar[at];) {
      const field = (/** @type {number} */ from, /** @type {number} */ to) =>
        tar.toString('latin1', at + from, at + to).replace(/\0.*$/s, '')
      const size = Number.parseInt(field(124, 136), 8)
      const bytes = tar.subarray(at + 512, at + 512 + size)
      if (field(0, 100).endsWith('.json')) entries.push({ ...JSON.parse(bytes.toString()), image })
      else image = bytes
      at += 512 + Math.ceil(size / 512) * 512
    }
  }
  return entries
}
