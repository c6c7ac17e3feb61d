import {
  BackendError,
  inFileOrder,
  OptionError,
  readEntries,
  readInGroups,
  type WeightEntry,
} from '@dual-encoder/core/backend'
import type { OnnxOptions } from '../options'
import { startThreads } from './browser-threads'
import type { Engine, StoredWeights, Runtime } from './runtime'
import { isRaw, keptBytes } from './weight-bytes'

const PROVIDERS = ['wasm', 'webgpu']

/** Chromium has `navigator.gpu` on machines without a usable GPU as well. */
async function hasAdapter(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } }
  return Boolean(await gpu?.requestAdapter().catch(() => null))
}

async function load(providers: readonly string[], options: OnnxOptions): Promise<Engine> {
  if (options.worker)
    throw new OptionError(
      'bad-option',
      'worker is true, which is for Node. In a browser, make the model in a Worker of your own, and ask that.',
    )
  const hasGpu = providers.includes('webgpu') && (await hasAdapter())
  const absent = providers.filter((name) => !PROVIDERS.includes(name) || (name === 'webgpu' && !hasGpu))
  if (absent.length > 0)
    throw new BackendError(
      'provider-unavailable',
      `Execution provider ${absent.map((name) => `"${name}"`).join(', ')} is not available in this browser. ` +
        `Allowed: ${PROVIDERS.join(', ')} (webgpu where navigator.gpu gives an adapter).`,
    )
  const build = providers.includes('webgpu') ? 'webgpu' : 'wasm'
  const ort = build === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm')
  await startThreads(build, ort.env, options)
  const create: Engine['create'] = async (model, settings) => {
    try {
      return await ort.InferenceSession.create(model, settings)
    } catch (cause) {
      const { message } = cause as Error
      if (!/no available backend/.test(message) || options.wasmPaths !== undefined) throw cause
      const advice =
        'If your bundler did not place its files (.mjs, .wasm of onnxruntime-web), serve them and name their folder in wasmPaths.'
      throw new BackendError('engine-missing', `ONNX Runtime did not start: ${message} ${advice}`, { cause })
    }
  }
  return { create, Tensor: ort.Tensor }
}

/** Only the bytes of the weights asked for are fetched, neighbours in one request; each becomes an external file. */
async function storeWeights(entries: readonly WeightEntry[]): Promise<StoredWeights> {
  const bytes = await readEntries(entries.filter(isRaw))
  for await (const group of readInGroups(inFileOrder(entries.filter(({ name }) => !bytes.has(name)))))
    for (const [entry, value] of group) bytes.set(entry.name, keptBytes(entry, value))
  const externalData = [...bytes].map(([path, data]) => ({ path, data }))
  return {
    dataOf: ({ name }) => ({ location: name, offset: 0, length: bytes.get(name)?.length ?? 0 }),
    sessionOptions: { externalData },
    release: () => {
      bytes.clear()
      externalData.length = 0
      return Promise.resolve()
    },
  }
}

let last: Promise<unknown> = Promise.resolve()

/** All sessions share one engine, which refuses to be called while it makes or runs another. */
function inTurn<T>(call: () => Promise<T>): Promise<T> {
  const result = last.then(call)
  last = result.catch(() => undefined)
  return result
}

export const runtime: Runtime = {
  defaultProviders: ['wasm'],
  hasWorker: false,
  inTurn,
  load,
  startThreads: () => false,
  storeWeights,
  async openStore(engine) {
    const { TensorStore } = await import('./tensor-store')
    return new TensorStore(engine, false)
  },
}
