import { damaged } from './errors'

/** The first `size` bytes of run lengths: a signed count, then one byte to repeat or several to copy. */
export function unpackBits(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size)
  let from = 0
  let to = 0
  while (to < size && from < bytes.length) {
    const count = bytes[from++]!
    if (count === 128) continue
    const length = count > 128 ? 257 - count : count + 1
    if (from + (count > 128 ? 1 : length) > bytes.length) break
    const end = Math.min(to + length, size)
    if (count > 128) result.fill(bytes[from++]!, to, end)
    else {
      result.set(bytes.subarray(from, from + end - to), to)
      from += length
    }
    to = end
  }
  if (to < size) throw damaged('it ends too early')
  return result
}
