import { bytesOfBase64 } from '../../platform/base64'
import type { Normalizer, Part } from './aligned'
import { badTokenizer } from './json'
import { graphemes } from './unicode'

/** A grapheme of this many UTF-8 bytes or more is looked up code point by code point. */
const MAX_GRAPHEME = 6
const CACHE = 20_000
const ASCII = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i))
/**
 * All but printable ASCII, with the one such character on either side that a grapheme may take in: between two
 * of them there is always a boundary, and most charsmaps leave them as they are.
 */
const BEYOND_ASCII = /[\x20-\x7e]?[^\x20-\x7e]+(?:[\x20-\x7e][^\x20-\x7e]+)*[\x20-\x7e]?/gu
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
/** In bytes, and far above any key of SentencePiece's maps. */
const LONGEST_KEY = 64

const utf8Length = (first: number): number => (first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4)

/**
 * SentencePiece's `precompiled_charsmap`: a double-array trie (Darts-clone) of UTF-8 bytes whose values are
 * offsets of zero-ended strings behind it. As the Rust crate `spm_precompiled` reads it, the first match wins,
 * not the longest.
 */
export class Precompiled implements Normalizer {
  readonly #units: Uint32Array
  readonly #strings: Uint8Array
  #keepsAscii: boolean | undefined
  readonly #known = new Map<string, string>()

  constructor(charsmap: Uint8Array) {
    const view = new DataView(charsmap.buffer, charsmap.byteOffset, charsmap.byteLength)
    const size = charsmap.length < 4 ? 0 : view.getUint32(0, true)
    if (size < 4 || size % 4 !== 0 || 4 + size > charsmap.length)
      throw badTokenizer(`its precompiled_charsmap of ${charsmap.length} bytes is damaged`)
    this.#units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
    this.#strings = charsmap.subarray(4 + size)
  }

  static fromBase64(text: string): Precompiled {
    let charsmap: Uint8Array
    try {
      charsmap = bytesOfBase64(text)
    } catch (cause) {
      throw badTokenizer('its precompiled_charsmap is not base64', { cause })
    }
    return new Precompiled(charsmap)
  }

  apply(text: string): string {
    const replaced = (part: string) => graphemes(part).reduce((all, each) => all + this.#grapheme(each), '')
    this.#keepsAscii ??= ASCII.every((char) => this.#grapheme(char) === char)
    return this.#keepsAscii ? text.replace(BEYOND_ASCII, replaced) : replaced(text)
  }

  parts(text: string): Part[] {
    return graphemes(text)
      .flatMap((grapheme) => (this.#whole(grapheme) === undefined ? [...grapheme] : [grapheme]))
      .map((part) => [part, this.apply(part)])
  }

  /** What stands for a grapheme: the string for the whole of it, else those for its code points. */
  #grapheme(grapheme: string): string {
    const known = this.#known.get(grapheme)
    if (known !== undefined) return known
    const found =
      this.#whole(grapheme) ?? Array.from(grapheme, (char) => this.#find(encoder.encode(char)) ?? char).join('')
    if (this.#known.size < CACHE && grapheme.length < MAX_GRAPHEME) this.#known.set(grapheme, found)
    return found
  }

  #whole(grapheme: string): string | undefined {
    if (grapheme.length >= MAX_GRAPHEME) return undefined
    const bytes = encoder.encode(grapheme)
    return bytes.length < MAX_GRAPHEME ? this.#find(bytes) : undefined
  }

  /** The string for the shortest key that `bytes` begins with. */
  #find(bytes: Uint8Array): string | undefined {
    return this.#matches(bytes).next().value?.[1]
  }

  /** As SentencePiece itself reads it: in each place the longest key. */
  longest(text: string): string {
    const bytes = encoder.encode(text)
    const parts: string[] = []
    let copied = 0
    for (let at = 0; at < bytes.length;) {
      let best: readonly [length: number, text: string] | undefined
      for (const match of this.#matches(bytes.subarray(at, at + LONGEST_KEY))) best = match
      if (best) {
        parts.push(decoder.decode(bytes.subarray(copied, at)), best[1])
        copied = at += best[0]
      } else at += utf8Length(bytes[at] as number)
    }
    return parts.length === 0 ? text : parts.join('') + decoder.decode(bytes.subarray(copied))
  }

  /** The keys that `bytes` begin with, the shortest first: how many bytes, and what stands for them. */
  *#matches(bytes: Uint8Array): Generator<readonly [length: number, text: string]> {
    const offset = (unit: number) => ((unit >>> 10) << ((unit & 512) >>> 6)) >>> 0
    let unit = this.#units[0] as number
    let at = offset(unit)
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number
      if (byte === 0) return
      at = (at ^ byte) >>> 0
      unit = this.#units[at] ?? 0
      if ((unit & 0x800000ff) >>> 0 !== byte) return
      at = (at ^ offset(unit)) >>> 0
      if ((unit >>> 8) & 1) yield [i + 1, this.#string((this.#units[at] ?? 0) & 0x7fffffff)]
    }
  }

  #string(start: number): string {
    const end = this.#strings.indexOf(0, start)
    return decoder.decode(this.#strings.subarray(start, end < 0 ? undefined : end))
  }
}
