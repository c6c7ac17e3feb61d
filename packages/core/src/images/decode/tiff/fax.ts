import { damaged } from './errors'
import { faxTables, LONGEST, PASS, RUNS, type CodeTable } from './fax-codes'

export interface FaxOptions {
  readonly width: number
  readonly height: number
  /** `rows`: runs, each row begins at a byte. `t4`: runs or edges after an end of line. `t6`: edges. */
  readonly coding: 'rows' | 't4' | 't6'
  /** Of T.4: each row says whether it is coded by runs or by the edges of the row above. */
  readonly twoDimensional: boolean
}

/** Facsimile (ITU-T T.4, T.6) to packed rows; black is 1. */
export function decodeFax(bytes: Uint8Array, { width, height, coding, twoDimensional }: FaxOptions): Uint8Array {
  const stride = Math.ceil(width / 8)
  const result = new Uint8Array(stride * height)
  const reader = new BitReader(bytes)
  let edges: number[] = []
  for (let y = 0; y < height; y++) {
    if (coding === 'rows') reader.align()
    if (coding === 't4') reader.skipEndOfLine()
    const byEdges = coding === 't6' || (coding === 't4' && twoDimensional && reader.take(1) === 0)
    edges = byEdges ? readEdges(reader, edges, width) : readRuns(reader, width)
    for (let i = 0; i < edges.length; i += 2) blacken(result, y * stride, edges[i]!, edges[i + 1] ?? width)
  }
  return result
}

class BitReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The next bits; zeros beyond the end. */
  peek(count: number): number {
    const byte = this.#at >> 3
    const word = ((this.#bytes[byte] ?? 0) << 16) | ((this.#bytes[byte + 1] ?? 0) << 8) | (this.#bytes[byte + 2] ?? 0)
    return (word >> (24 - (this.#at & 7) - count)) & ((1 << count) - 1)
  }

  take(count: number): number {
    const bits = this.peek(count)
    this.#at += count
    if (this.#at > this.#bytes.length * 8) throw damaged('it ends too early')
    return bits
  }

  code(table: CodeTable): number {
    const entry = table[this.peek(LONGEST)]!
    if (entry === 0) throw damaged('an impossible facsimile code')
    this.take(entry & 15)
    return entry >> 4
  }

  align(): void {
    this.#at = (this.#at + 7) & ~7
  }

  /** Eleven zeros or more and a one. */
  skipEndOfLine(): void {
    if (this.peek(11) !== 0) return
    while (this.take(1) === 0);
  }
}

/** A run of one colour: codes of 64 and more are followed by others. */
function readRun(reader: BitReader, isBlack: boolean): number {
  const { white, black } = faxTables()
  let run = 0
  for (;;) {
    const length = reader.code(isBlack ? black : white)
    run += length
    if (length < 64) return run
  }
}

/** Where the colour changes, first to black. An empty run leaves no edge. */
function addEdge(edges: number[], edge: number): void {
  if (edges.at(-1) === edge) edges.pop()
  else edges.push(edge)
}

function readRuns(reader: BitReader, width: number): number[] {
  const edges: number[] = []
  let isBlack = false
  for (let at = 0; at < width; isBlack = !isBlack) {
    at += readRun(reader, isBlack)
    if (at > width) throw damaged('a row is too long')
    if (at < width) addEdge(edges, at)
  }
  return edges
}

function readEdges(reader: BitReader, above: readonly number[], width: number): number[] {
  const edges: number[] = []
  let isBlack = false
  // Before the first pixel, so that an edge above may lie on it.
  let at = -1
  let next = 0
  while (at < width) {
    // The first edge above to the right that changes to the other colour.
    next = Math.max(0, next - 2)
    if (next % 2 !== Number(isBlack)) next++
    while ((above[next] ?? width) <= at && next < above.length) next += 2
    const mode = reader.code(faxTables().modes)
    if (mode === PASS) {
      at = above[next + 1] ?? width
      continue
    }
    if (mode === RUNS) {
      for (const black of [isBlack, !isBlack]) {
        at = Math.max(at, 0) + readRun(reader, black)
        if (at > width) throw damaged('a row is too long')
        if (at < width) addEdge(edges, at)
      }
      continue
    }
    const edge = (above[next] ?? width) + mode
    if (edge < Math.max(at, 0) || edge > width) throw damaged('an edge outside of its row')
    at = edge
    if (at < width) addEdge(edges, at)
    isBlack = !isBlack
  }
  return edges
}

function blacken(row: Uint8Array, offset: number, from: number, to: number): void {
  for (let x = from; x < to; x++) row[offset + (x >> 3)]! |= 128 >> (x & 7)
}
