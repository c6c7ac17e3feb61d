import type { WarningListener } from '@dual-encoder/core'

/** How weights are kept. */
export type WebGpuDtype = 'float32' | 'float16' | 'auto'
export const DTYPES: readonly WebGpuDtype[] = ['float32', 'float16', 'auto']

/** What this backend's constructors take beside core's options. */
export interface WebGpuOptions {
  /** A device to share, which stays the caller's; by default one of our own, which all models share. */
  device?: GPUDevice
  /**
   * `float16`: matrices and embedding tables are kept in half the memory; sums stay float32. On loading, a sample is
   * compared with float32, which takes over, with a warning, where the cosine is under 0.999.
   * `auto`: `float16` where the device computes in it (`shader-f16`), else `float32`. By default `float32`.
   */
  dtype?: WebGpuDtype
  onWarning?: WarningListener
}

export const WEBGPU_OPTIONS = ['device', 'dtype', 'onWarning'] as const satisfies readonly (keyof WebGpuOptions)[]
