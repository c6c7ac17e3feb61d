import { damaged } from './frame'

/** Natural order of the 64 coefficients that come in zigzag order. */
// prettier-ignore
export const ZIGZAG = Uint8Array.of(
   0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
  12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
  58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
)

/** Canonical codes: for each length the largest code, and where its symbols begin. */
export interface HuffmanTable {
  readonly symbols: Uint8Array
  /** Per length 1 to 16; -1 where there is no code of that length. */
  readonly largest: Int32Array
  readonly offsets: Int32Array
}

/** @param counts codes of each length 1 to 16 */
export function huffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable {
  const largest = new Int32Array(17).fill(-1)
  const offsets = new Int32Array(17)
  let code = 0
  let first = 0
  for (let length = 1; length <= 16; length++) {
    const count = counts[length - 1]!
    offsets[length] = first - code
    code += count
    first += count
    if (code > 1 << length) throw damaged('impossible Huffman codes')
    if (count > 0) largest[length] = code - 1
    code <<= 1
  }
  return { symbols, largest, offsets }
}

/** Bits of one scan. At a marker it gives zeros, as libjpeg does. */
export class BitReader {
  #buffer = 0
  #available = 0

  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {}

  bit(): number {
    if (this.#available === 0) {
      const byte = this.bytes[this.at]
      if (byte === undefined) throw damaged('it ends too early')
      this.#available = 8
      if (byte !== 0xff) {
        this.#buffer = byte
        this.at++
      } else if (this.bytes[this.at + 1] === 0) {
        this.#buffer = byte
        this.at += 2
      } else this.#buffer = 0
    }
    this.#available--
    return (this.#buffer >> this.#available) & 1
  }

  bits(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++) value = (value << 1) | this.bit()
    return value
  }

  /** A number of `size` bits whose sign is its first bit (T.81, figure F.12). */
  signed(size: number): number {
    if (size === 0) return 0
    const value = this.bits(size)
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value
  }

  symbol(table: HuffmanTable): number {
    let code = 0
    for (let length = 1; length <= 16; length++) {
      code = (code << 1) | this.bit()
      if (code <= table.largest[length]!) return table.symbols[code + table.offsets[length]!]!
    }
    throw damaged('an impossible code')
  }

  /** Leaves out the rest of a byte and the restart marker that must follow. */
  restart(): void {
    this.#available = 0
    while (this.bytes[this.at] === 0xff && this.bytes[this.at + 1] === 0xff) this.at++
    const marker = this.bytes[this.at + 1]
    if (this.bytes[this.at] !== 0xff || marker === undefined || marker < 0xd0 || marker > 0xd7)
      throw damaged('a restart marker is missing')
    this.at += 2
  }
}
