import { scramble } from '../base/random'
import { sizeOf } from '../base/tensor'
import { instantiatedOnce, Reservations } from '../platform/wasm'
import { DROPOUT_WASM } from './dropout-module'

/** Whose dropout: each encoder draws by itself. */
export type DropoutOf = 'vision' | 'text'

const STEP = 0x9e3779b9

/**
 * The factors of one dropout of a training step, `dims` of 0 (at `rate`) and 1 / (1 - rate): the same on every backend.
 * @param index counts the dropouts of an encoder from 1 on
 * @param firstRow of the batch that these rows begin with: what is dropped does not depend on how a batch is cut
 * @param tokens of how many the one along the last axis but one is the first: it is dropped as if all were there; 0 of a
 * table, whose rows are not the batch's
 * @param data memory for them, whatever it holds
 */
export function dropoutFactors(
  { seed, of, index, firstRow = 0 }: { seed: number; of: DropoutOf; index: number; firstRow?: number },
  dims: readonly number[],
  rate: number,
  tokens = 1,
  data: Float32Array = new Float32Array(sizeOf(dims)),
): Float32Array {
  const limit = Math.ceil(rate * 0x100000000)
  if (limit > 0xffffffff) return data.fill(0)
  const stream = scramble(scramble(seed) ^ (of === 'vision' ? 1 : 0) ^ Math.imul(index, STEP))
  const kept = 1 / (1 - rate)
  const size = tokens > 1 ? (dims.at(-1) ?? 1) : data.length
  let at = firstRow * sizeOf(dims.slice(1)) * tokens
  for (let start = 0; start < data.length; start += size, at += tokens * size)
    draw(data.subarray(start, start + size), stream + Math.imul(at, STEP), limit, kept)
  return data
}

/** The exports of tools/simd/dropout.as. */
interface DropoutModule {
  readonly memory: WebAssembly.Memory
  readonly factors: (out: number, count: number, first: number, limit: number, kept: number) => void
}
const simd = instantiatedOnce<DropoutModule>(DROPOUT_WASM)

/** Values made at a time: what a first-level cache holds. */
const BLOCK = 4096

/** `kept` where a value from `first` on, scrambled, is no less than `limit`; 0 elsewhere. */
function draw(factors: Float32Array, first: number, limit: number, kept: number): void {
  const wasm = simd()
  const reserved = new Reservations()
  const out = reserved.reserve(4 * BLOCK)
  const memory = wasm && reserved.memory(wasm)
  if (!wasm || !memory) {
    for (let i = 0; i < factors.length; i++) factors[i] = scramble(first + Math.imul(i, STEP)) >= limit ? kept : 0
    return
  }
  const block = new Float32Array(memory.buffer, out, BLOCK)
  for (let start = 0; start < factors.length; start += BLOCK) {
    const count = Math.min(BLOCK, factors.length - start)
    wasm.factors(out, count, first + Math.imul(start, STEP), limit, kept)
    factors.set(block.subarray(0, count), start)
  }
}

/** The seed of a step's dropout, of a run's seed. */
export const stepSeed = (seed: number, step: number): number => scramble(seed ^ Math.imul(step, STEP))
