import * as tfjs from '@dual-encoder/tfjs'
import type { Folder } from '@dual-encoder/train'
import * as webgpu from '@dual-encoder/webgpu'
import { losses, smallConfig, smallModel, type SmallModel } from '../src/small-training'

const onnx = (provider: 'wasm' | 'webgpu') =>
  smallModel({ executionProviders: [provider], wasmPaths: `${location.origin}/engine/` })

/** What trains, and where. */
const ENGINES = {
  'onnx-wasm': () => onnx('wasm'),
  'onnx-webgpu': () => onnx('webgpu'),
  tfjs: () =>
    tfjs.VisionTextDualEncoderModel.fromConfig(smallConfig(), { seed: 19, backend: 'wasm', wasmPaths: '/wasm/' }),
  webgpu: () => webgpu.VisionTextDualEncoderModel.fromConfig(smallConfig(), { seed: 19 }),
} satisfies Record<string, () => Promise<SmallModel>>

export type EngineName = keyof typeof ENGINES

/** What a page asks its worker for. */
export interface Request {
  readonly engine: EngineName
  readonly until?: number
}

/** Trains with the cache and the checkpoints in the browser's own file system. */
async function trained({ engine, until }: Request) {
  const root = await navigator.storage.getDirectory()
  const within = (name: string): Promise<Folder> =>
    root.getDirectoryHandle(`${engine}-${name}`, { create: true }) as Promise<unknown> as Promise<Folder>
  const options = { output: await within('output'), cache: { folder: await within('cache') } }
  return losses(await ENGINES[engine](), options, until)
}

function inWorker(request: Request): Promise<unknown> {
  const worker = new Worker(import.meta.url, { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<{ error?: string }>) =>
      data.error === undefined ? resolve(data) : reject(new Error(data.error))
    worker.onerror = ({ message }) => reject(new Error(message))
    worker.postMessage(request)
  })
}

if (typeof document === 'undefined')
  globalThis.onmessage = ({ data }: MessageEvent<Request>) =>
    void trained(data).then(postMessage, (error: Error) => postMessage({ error: `${error.stack}` }))
else Object.assign(globalThis, { train: inWorker })
