import { BackendError, sizeOf } from '@dual-encoder/core/backend'
import type * as tf from '@tensorflow/tfjs-core'

/** The version whose internals the kernels use, and whose threads can be started. */
export const PINNED = '4.22.0'

/** What the kernels use of `BackendWasm`; its own typings leave most of it out. */
export interface WasmBackend {
  /** Ids of tensors within the module: the next free one. */
  dataIdNextNumber: number
  readonly dataIdMap: { get(dataId: object): { readonly id: number; memoryOffset: number } | undefined }
  readonly wasm: {
    _malloc(size: number): number
    _free(offset: number): void
    readonly HEAPU8: Uint8Array
    cwrap(name: string, result: null, args: readonly string[]): (...args: unknown[]) => void
    readonly tfjs: { registerTensor(id: number, size: number, offset: number): void; disposeData(id: number): void }
  }
  makeOutput(shape: number[], dtype: tf.DataType, offset?: number): tf.TensorInfo
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
    'wasm._malloc': typeof wasm?._malloc === 'function',
    'wasm._free': typeof wasm?._free === 'function',
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

export const outOfMemory = (cause?: unknown): BackendError =>
  new BackendError(
    'out-of-memory',
    'TensorFlow.js ran out of the 4 GiB that WebAssembly can address. Give smaller batches, or dispose of models.',
    { cause },
  )

/**
 * A tensor of a weight, in memory that XNNPACK's packed copy fits into when the weight's own is given back: with a bias
 * for each row, aligned. Otherwise the copies would find no place but behind all others.
 */
export function allocateWeight(backend: WasmBackend, data: Float32Array, shape: readonly number[]): tf.TensorInfo {
  const { wasm } = backend
  const offset = wasm._malloc(data.byteLength + 4 * (shape[0] ?? 0) + 512) >>> 0
  if (offset === 0) throw outOfMemory()
  wasm.HEAPU8.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset)
  return backend.makeOutput([...shape], 'float32', offset)
}

/** Gives back a tensor's memory, and leaves the tensor and what the module has cached for it. */
export function release(backend: WasmBackend, { dataId }: tf.TensorInfo): void {
  const known = backend.dataIdMap.get(dataId)
  if (!known) return
  backend.wasm._free(known.memoryOffset)
  // Which is nothing to free.
  known.memoryOffset = 0
}

/** Calls `use` with a new id for `size` floats at `offset`; what the module had cached for the id goes with it. */
export function withView(backend: WasmBackend, offset: number, size: number, use: (id: number) => void): void {
  if (offset === 0) throw new Error('The matrix is kept packed: its values cannot be read.')
  const { tfjs } = backend.wasm
  const id = backend.dataIdNextNumber++
  tfjs.registerTensor(id, size, offset)
  try {
    use(id)
  } finally {
    tfjs.disposeData(id)
  }
}
