import { sizeOf } from '@dual-encoder/core'
import type * as tf from '@tensorflow/tfjs-core'

/** The version whose internals the kernels use, and whose threads can be started. */
export const PINNED = '4.22.0'

/** What the kernels use of `BackendWasm`; its own typings leave most of it out. */
export interface WasmBackend {
  /** Ids of tensors within the module: the next free one. */
  dataIdNextNumber: number
  readonly dataIdMap: { get(dataId: object): { readonly id: number; readonly memoryOffset: number } | undefined }
  readonly wasm: {
    readonly HEAPU8: Uint8Array
    cwrap(name: string, result: null, args: readonly string[]): (...args: unknown[]) => void
    readonly tfjs: { registerTensor(id: number, size: number, offset: number): void; disposeData(id: number): void }
  }
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo
  disposeData(dataId: object): boolean
}

/** Says what is not as in the pinned version, undefined where all is. */
export function difference(backend: unknown, version: string): string | undefined {
  if (version !== PINNED) return `its version is ${version}`
  const { dataIdNextNumber, dataIdMap, wasm, makeOutput, disposeData } = (backend ?? {}) as Partial<WasmBackend>
  const parts: Record<string, boolean> = {
    dataIdNextNumber: typeof dataIdNextNumber === 'number',
    dataIdMap: typeof dataIdMap?.get === 'function',
    makeOutput: typeof makeOutput === 'function',
    disposeData: typeof disposeData === 'function',
    'wasm.HEAPU8': ArrayBuffer.isView(wasm?.HEAPU8),
    'wasm.cwrap': typeof wasm?.cwrap === 'function',
    'wasm.tfjs.registerTensor': typeof wasm?.tfjs?.registerTensor === 'function',
    'wasm.tfjs.disposeData': typeof wasm?.tfjs?.disposeData === 'function',
  }
  const missing = Object.keys(parts).filter((name) => !parts[name])
  return missing.length > 0 ? `its backend has no ${missing.join(', ')}` : undefined
}

/** A tensor's record in the module; the offset may have come as a signed number. */
export function record(backend: WasmBackend, { dataId }: tf.TensorInfo): { id: number; offset: number } {
  const known = backend.dataIdMap.get(dataId)
  if (!known) throw new Error('The tensor is not on the wasm backend, or has been disposed of.')
  return { id: known.id, offset: known.memoryOffset >>> 0 }
}

/** A tensor's values in place. Valid until the next allocation, which may move the heap. */
export const floats = (backend: WasmBackend, x: tf.TensorInfo): Float32Array =>
  new Float32Array(backend.wasm.HEAPU8.buffer, record(backend, x).offset, sizeOf(x.shape))

export const integers = (backend: WasmBackend, x: tf.TensorInfo): Int32Array =>
  new Int32Array(backend.wasm.HEAPU8.buffer, record(backend, x).offset, sizeOf(x.shape))

/** Calls `use` with a new id for `size` floats at `offset`; what the module had cached for the id goes with it. */
export function withView(backend: WasmBackend, offset: number, size: number, use: (id: number) => void): void {
  const { tfjs } = backend.wasm
  const id = backend.dataIdNextNumber++
  tfjs.registerTensor(id, size, offset)
  try {
    use(id)
  } finally {
    tfjs.disposeData(id)
  }
}
