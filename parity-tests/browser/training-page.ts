import type { Folder } from '@dual-encoder/train'
import { losses } from '../src/small-training'

/** What a page asks its worker for. */
interface Request {
  readonly provider: 'wasm' | 'webgpu'
  readonly until?: number
}

/** Trains with the cache and the checkpoints in the browser's own file system. */
async function trained({ provider, until }: Request) {
  const root = await navigator.storage.getDirectory()
  const within = (name: string): Promise<Folder> =>
    root.getDirectoryHandle(`${provider}-${name}`, { create: true }) as Promise<unknown> as Promise<Folder>
  const options = { executionProviders: [provider], wasmPaths: `${location.origin}/engine/` }
  return losses(options, { output: await within('output'), cache: { folder: await within('cache') } }, until)
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
