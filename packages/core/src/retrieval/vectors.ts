import { instantiate } from '../platform/wasm'
import { Best, checkK, checkQuery, type Hit } from './best'
import { dotRow } from './dots'
import { DOTS_WASM } from './simd-module'

/** The exports of tools/simd/dots.as. */
interface DotsModule {
  readonly memory: WebAssembly.Memory
  readonly dots: (vector: number, rows: number, stride: number, count: number, out: number) => void
}

const PAGE = 65536
/** Rows whose products are made at a time. */
const BLOCK = 4096

/**
 * Rows `[count, size]` that grow and change in place, searched by one vector at a time: in WebAssembly's SIMD, in whose
 * memory they lie, or without it where there is none (a policy forbids it, or 4 GB are full).
 */
export class Vectors {
  /** Values of a row in memory: a multiple of four, the last ones zero. */
  readonly #width: number
  #wasm: DotsModule | undefined
  /** First the vector that is asked for, then products of a block, then rows. */
  #data: Float32Array
  #count = 0

  constructor(size: number) {
    this.#width = (size + 3) & ~3
    this.#wasm = instantiate<DotsModule>(DOTS_WASM)
    this.#data = new Float32Array(0)
    this.#reach(1024)
  }

  get count(): number {
    return this.#count
  }

  /** Puts a row in place of another, or after the last one. */
  set(row: number, vector: Float32Array): void {
    if (row >= this.#capacity) this.#reach(2 * row)
    this.#data.set(vector, this.#first + row * this.#width)
    this.#count = Math.max(this.#count, row + 1)
  }

  /** Takes the last row away. */
  pop(): void {
    this.#count--
  }

  /**
   * The `k` best rows by dot product, best first, as `topK` has them; of those only that `passes` lets through.
   * @throws InputError where `vector` holds NaN
   */
  nearest(vector: Float32Array, k: number, passes?: (row: number) => boolean): Hit[] {
    checkK(k)
    checkQuery(vector)
    this.#data.set(vector)
    const best = new Best(k)
    for (let start = 0; start < this.#count; start += BLOCK) {
      const count = Math.min(BLOCK, this.#count - start)
      const scores = this.#dots(start, count)
      for (let i = 0; i < count; i++) if (!passes || passes(start + i)) best.offer(start + i, scores[i]!)
    }
    return best.hits
  }

  get #first(): number {
    return this.#width + BLOCK
  }

  get #capacity(): number {
    return Math.floor((this.#data.length - this.#first) / this.#width)
  }

  #dots(start: number, count: number): Float32Array | Float64Array {
    const [data, width] = [this.#data, this.#width]
    const from = this.#first + start * width
    if (this.#wasm) {
      const base = data.byteOffset
      this.#wasm.dots(base, base + 4 * from, 4 * width, count, base + 4 * width)
      return data.subarray(width, width + count)
    }
    const scores = new Float64Array(count)
    const rows = { data: data.subarray(from, from + count * width), count, size: width }
    dotRow({ data, count: 1, size: width }, 0, rows, 0, count, scores)
    return scores
  }

  /** Makes room for so many rows. */
  #reach(rows: number): void {
    const length = this.#first + rows * this.#width
    const memory = this.#wasm?.memory
    try {
      // What the module keeps for itself lies in the first page.
      memory?.grow(Math.max(0, Math.ceil((PAGE + 4 * length - memory.buffer.byteLength) / PAGE)))
    } catch {
      // No more than 4 GB: on without it.
      this.#wasm = undefined
    }
    const before = this.#wasm ? undefined : this.#data
    this.#data = this.#wasm ? new Float32Array(this.#wasm.memory.buffer, PAGE) : new Float32Array(length)
    if (before) this.#data.set(before)
  }
}
