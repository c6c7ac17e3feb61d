import { damaged, unsupported } from './errors'

const CLEAR = 256
const END = 257
const FIRST = 258
const MAX_BITS = 12
/** libtiff's table; files that go on beyond 4096 entries exist. */
const CAPACITY = 2 ** MAX_BITS + 1023

/** The first `size` bytes of a strip's LZW codes, most significant bit first. */
export function unLzw(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes[0] === 0 && (bytes[1]! & 1) === 1) throw unsupported('LZW codes of before revision 5 of the format')
  const result = new Uint8Array(size)
  // Entry: its last byte, the entry before that, and how long both are.
  const last = new Uint8Array(CAPACITY)
  const parent = new Uint16Array(CAPACITY)
  const length = new Uint32Array(CAPACITY)
  for (let i = 0; i < 256; i++) {
    last[i] = i
    length[i] = 1
  }
  let next = FIRST
  let bits = 9
  let previous = -1
  let held = 0
  let holds = 0
  let from = 0
  let to = 0
  while (to < size) {
    while (holds < bits) {
      if (from >= bytes.length) throw damaged('it ends too early')
      held = ((held << 8) | bytes[from++]!) & 0xffffff
      holds += 8
    }
    holds -= bits
    const code = (held >> holds) & ((1 << bits) - 1)
    if (code === END) throw damaged('it ends too early')
    if (code === CLEAR) {
      next = FIRST
      bits = 9
      previous = -1
      continue
    }
    const isFirst = previous < 0
    if (code > next || (isFirst && code > 255)) throw damaged('an impossible LZW code')
    if (!isFirst) {
      if (next >= CAPACITY) throw damaged('too many LZW codes')
      parent[next] = previous
      length[next] = length[previous]! + 1
      let start = code === next ? previous : code
      while (start > 255) start = parent[start]!
      last[next] = start
      next++
      if (next >= (1 << bits) - 1 && bits < MAX_BITS) bits++
    }
    const end = to + length[code]!
    for (let entry = code, at = end - 1; at >= to; at--) {
      result[at] = last[entry]!
      entry = parent[entry]!
    }
    to = end
    previous = code
  }
  return result
}
