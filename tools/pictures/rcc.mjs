import { readFile } from 'node:fs/promises'
import { inflateSync } from 'node:zlib'

const DIRECTORY = 2
const ZLIB = 1
const ZSTD = 4

/**
 * Files of a Qt resource collection (.rcc) by their paths. After a head with three offsets come a tree (a name's offset,
 * flags, then children or data of each node), the data and the names.
 * @param {string} file @returns {Promise<Map<string, Buffer>>}
 */
export async function readRcc(file) {
  const bytes = await readFile(file)
  const [version, tree, data, names] = [4, 8, 12, 16].map((at) => bytes.readUInt32BE(at))
  if (bytes.toString('latin1', 0, 4) !== 'qres' || !version || !tree || !data || !names)
    throw new Error(`${file} is no Qt resource collection.`)
  const nodeSize = version > 1 ? 22 : 14
  const nameAt = (/** @type {number} */ at) =>
    bytes.subarray(names + at + 6, names + at + 6 + 2 * bytes.readUInt16BE(names + at))
  /** @type {Map<string, Buffer>} */
  const files = new Map()
  const visit = (/** @type {number} */ index, /** @type {string} */ parent) => {
    const node = tree + index * nodeSize
    const path =
      index === 0
        ? ''
        : `${parent}/${Buffer.from(nameAt(bytes.readUInt32BE(node)))
            .swap16()
            .toString('utf16le')}`
    const flags = bytes.readUInt16BE(node + 4)
    if (flags & DIRECTORY) {
      const [count, first] = [bytes.readUInt32BE(node + 6), bytes.readUInt32BE(node + 10)]
      for (let i = 0; i < count; i++) visit(first + i, path)
      return
    }
    if (flags & ZSTD) return // Texts are kept so; pictures are not.
    const at = data + bytes.readUInt32BE(node + 10)
    const stored = bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at))
    files.set(path, flags & ZLIB ? inflateSync(stored.subarray(4)) : stored)
  }
  visit(0, '')
  return files
}
