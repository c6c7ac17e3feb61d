import { instantiate } from '../../platform/wasm'
import { RESIZE_WASM } from './simd-module'

/** The exports of tools/simd/resize.as. */
export interface SimdModule {
  readonly memory: WebAssembly.Memory
  readonly horizontal16: Horizontal
  readonly horizontal22: Horizontal
  readonly vertical16: Vertical
  readonly vertical22: Vertical
  readonly planes: (source: number, pixels: number, tables: number, target: number) => void
}

type Horizontal = (
  source: number,
  stride: number,
  rows: number,
  target: number,
  line: number,
  outputs: number,
  starts: number,
  pairs: number,
  weights: number,
  perOutput: number,
  precision: number,
) => void

type Vertical = (
  source: number,
  line: number,
  target: number,
  outputs: number,
  starts: number,
  pairs: number,
  weights: number,
  perOutput: number,
  precision: number,
) => void

let module: SimdModule | null | undefined

/** Undefined where there is no WebAssembly with SIMD. */
export function simd(): SimdModule | undefined {
  if (module === undefined) module = instantiate<SimdModule>(RESIZE_WASM) ?? null
  return module ?? undefined
}

const PAGE = 65536
/** WebAssembly memory never shrinks: beyond this the plain versions are taken. */
const MAX_MEMORY = 1 << 26

/** Bytes up to a multiple of a vector's. */
export const align = (bytes: number): number => (bytes + 15) & ~15

/** Parts of the module's memory, given anew at each call. */
export class Reservations {
  #top = PAGE

  /** Vectors may reach 16 bytes beyond it. */
  reserve(bytes: number): number {
    const at = this.#top
    this.#top += align(bytes) + 16
    return at
  }

  /** @returns undefined where that is too much */
  memory({ memory }: SimdModule): Uint8Array | undefined {
    if (this.#top > MAX_MEMORY) return undefined
    const missing = this.#top - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE))
    return new Uint8Array(memory.buffer)
  }
}
