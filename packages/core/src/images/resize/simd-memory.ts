import { instantiatedOnce } from '../../platform/wasm'
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

/** Undefined where there is no WebAssembly with SIMD. */
export const simd = /* @__PURE__ */ instantiatedOnce<SimdModule>(RESIZE_WASM)
