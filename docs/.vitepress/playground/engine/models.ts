import type { Writer } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import { bytesOf } from '../shipped.ts'
import type { Backend, Loaded, Precision } from './protocol.ts'

/** Of TensorFlow.js, which no bundler places by itself. */
const WASM_PATHS = {
  'tfjs-backend-wasm.wasm': new URL('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm', import.meta.url).href,
  'tfjs-backend-wasm-simd.wasm': new URL(
    '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
    import.meta.url,
  ).href,
  'tfjs-backend-wasm-threaded-simd.wasm': new URL(
    '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm',
    import.meta.url,
  ).href,
}

/** A module of a backend is asked for when it is first used. */
const OPENERS: Readonly<Record<Backend, (files: readonly File[], precision: Precision) => Promise<unknown>>> = {
  'onnx-wasm': async (files, precision) =>
    (await import('@dual-encoder/onnx')).AutoModel.fromPretrained(files, precision === 'int8' ? { dtype: 'int8' } : {}),
  'onnx-webgpu': async (files) =>
    (await import('@dual-encoder/onnx')).AutoModel.fromPretrained(files, { executionProviders: ['webgpu'] }),
  tfjs: async (files) =>
    (await import('@dual-encoder/tfjs')).AutoModel.fromPretrained(files, { backend: 'wasm', wasmPaths: WASM_PATHS }),
  webgpu: async (files) => (await import('@dual-encoder/webgpu')).AutoModel.fromPretrained(files),
}

/** As the engines say themselves, once they have started. */
const THREADS: Readonly<Partial<Record<Backend, () => Promise<number>>>> = {
  'onnx-wasm': async () => (await import('onnxruntime-web/wasm')).env.wasm.numThreads ?? 1,
  tfjs: async () => (await import('@tensorflow/tfjs-backend-wasm')).getThreadsCount(),
}

/** Files in memory, as a checkpoint is written. */
export class MemoryFolder implements Writer {
  readonly files = new Map<string, File>()

  async write(name: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const parts: BlobPart[] = []
    for await (const chunk of chunks) parts.push(chunk.slice())
    this.files.set(name, new File(parts, name))
  }
}

/** Downloads a checkpoint's files, whole: every backend reads the same bytes, and none of them asks again. */
export async function download(
  base: string,
  sizes: Readonly<Record<string, number>>,
  told: (progress: { loaded: number; total: number }) => void,
): Promise<File[]> {
  const total = bytesOf(sizes)
  let loaded = 0
  return Promise.all(
    Object.keys(sizes).map(async (name) => {
      const response = await fetch(new URL(name, base))
      if (!response.ok || !response.body) throw new Error(`${name} of the model did not arrive (${response.status}).`)
      const parts: BlobPart[] = []
      for await (const part of response.body as unknown as AsyncIterable<Uint8Array<ArrayBuffer>>) {
        parts.push(part)
        loaded += part.length
        told({ loaded, total })
      }
      return new File(parts, name)
    }),
  )
}

const weightsOf = (files: readonly File[]): number =>
  files.filter(({ name }) => name.endsWith('.safetensors')).reduce((sum, { size }) => sum + size, 0)

export interface Opened {
  readonly model: DualEncoderModel
  readonly loaded: Loaded
}

/** A model on a backend. Its first answer is waited for: until then nothing is loaded. */
export async function open(
  backend: Backend,
  precision: Precision,
  files: readonly File[],
  first: (model: DualEncoderModel) => Promise<unknown>,
): Promise<Opened> {
  const start = performance.now()
  const model = (await OPENERS[backend](files, precision)) as DualEncoderModel
  try {
    await first(model)
  } catch (error) {
    await model.dispose()
    throw error
  }
  const ms = performance.now() - start
  const threads = (await THREADS[backend]?.()) ?? 1
  return { model, loaded: { backend, precision, ms, threads, bytes: weightsOf(files) } }
}
