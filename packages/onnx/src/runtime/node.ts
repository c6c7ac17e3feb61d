import { mkdtemp, open, rm } from 'node:fs/promises'
import { rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BackendError,
  inFileOrder,
  readInGroups,
  sizeOf,
  storedOf,
  type WeightEntry,
  type WeightLocation,
} from '@dual-encoder/core/backend'
import type { InferenceSession } from 'onnxruntime-common'
import type OrtNode from 'onnxruntime-node'
import type { TensorProto } from '../graph/proto'
import type { OnnxOptions } from '../options'
import { LocalReader, PART } from './node-reader'
import { threadEngine } from './node-engine'
import type { Engine, StoredWeights, Runtime } from './runtime'
import { here, openThreadStore } from './node-store'
import { bytesEach, isRawFloat32, keptBytes, weightBytes } from './weight-bytes'

/** onnxruntime-node is CommonJS: `import` would first read all of it for its names, which takes longer than to run it. */
function loadOrt(): typeof OrtNode {
  // Its release builds report usage to Microsoft unless told not to, and leave a log of that in the temporary folder
  // for each process. In a worker this is out of its sight: there, the variable has to be set from outside.
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
  try {
    return here('onnxruntime-node') as typeof OrtNode
  } catch (cause) {
    const message = `onnxruntime-node could not be loaded: ${(cause as Error).message}`
    throw new BackendError('engine-missing', message, { cause })
  }
}

async function load(providers: readonly string[], { worker }: OnnxOptions): Promise<Engine> {
  const { InferenceSession, Tensor, listSupportedBackends } = loadOrt()
  const supported = listSupportedBackends().map(({ name }) => name)
  const absent = providers.filter((name) => !supported.includes(name))
  if (absent.length > 0)
    throw new BackendError(
      'provider-unavailable',
      `Execution provider ${absent.map((name) => `"${name}"`).join(', ')} is not in this onnxruntime-node. Allowed: ${supported.join(', ')}.`,
    )
  if (worker) return threadEngine(Tensor)
  return { create: (model, options) => InferenceSession.create(model, options), Tensor }
}

/** Bytes that may go into the graph itself where most weights are mapped from the checkpoint. */
const MAX_INLINE = 32 * 2 ** 20
const FOLDER_KEY = 'model_external_initializers_file_folder_path'

const folderOptions = (folder: string): InferenceSession.SessionOptions => ({
  extra: { session: { [FOLDER_KEY]: folder } },
})

/** @throws SourceError where a file is no longer the one that was opened: its weights lie elsewhere now. */
async function checkUnchanged(entries: readonly WeightEntry[]): Promise<void> {
  const files = new Map(entries.map(({ location }) => [location?.local?.name, location]))
  for (const location of files.values()) await location?.read(location.offset, 0)
}

/**
 * ONNX Runtime maps float32 weights straight from the checkpoint. Where they are stored otherwise
 * (half precision, another format, over HTTP), they are written to a temporary file once and mapped
 * from there, because buffers given from JavaScript are copied several times.
 */
async function storeWeights(entries: readonly WeightEntry[]): Promise<StoredWeights> {
  const mapped = entries.filter((entry) => isRawFloat32(entry) && entry.location?.local)
  const folder = mapped[0]?.location?.local?.folder
  const rest = entries.filter((entry) => !mapped.includes(entry) || entry.location?.local?.folder !== folder)
  const restBytes = rest.reduce((sum, entry) => sum + bytesEach(entry) * sizeOf(entry.shape), 0)
  if (folder === undefined || restBytes > MAX_INLINE) return writeAside(entries)
  await checkUnchanged(mapped)
  const inline = new Map<string, Uint8Array>()
  for await (const group of readInGroups(rest))
    for (const [entry, value] of group) inline.set(entry.name, keptBytes(entry, value))
  return {
    dataOf: ({ name, location }) =>
      inline.get(name) ?? {
        location: location?.local?.name ?? '',
        offset: location?.offset ?? 0,
        length: location?.length ?? 0,
      },
    sessionOptions: folderOptions(folder),
    release: () => Promise.resolve(),
  }
}

/** Of a mapped file Linux takes into memory as much at once as was written at once: of a table few rows are looked up. */
const PIECE = 2 ** 16

/** What goes to the other file as it is, in parts: a table of words. */
const isCopied = ({ made, location, storage }: WeightEntry): boolean =>
  !made && location?.local !== undefined && location.length > PART && ['F32', 'I8', 'U8'].includes(storage)

async function writeAside(entries: readonly WeightEntry[]): Promise<StoredWeights> {
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  const release = async () => {
    // Windows keeps a mapped file until the process ends.
    const removed = await rm(folder, { recursive: true, force: true }).then(
      () => true,
      () => false,
    )
    if (removed) process.removeListener('exit', remove)
  }
  const located = new Map<string, TensorProto['data']>()
  const reader = new LocalReader()
  try {
    const file = await open(join(folder, 'weights'), 'wx')
    let offset = 0
    // What was read or made has gone once the next is; and the engine stops this thread for far longer.
    const write = (bytes: Uint8Array, most = bytes.length) => {
      for (let done = 0; done < bytes.length;)
        done += writeSync(file.fd, bytes, done, Math.min(most, bytes.length - done))
      offset += bytes.length
    }
    try {
      await checkUnchanged(entries.flatMap(storedOf).filter(({ location }) => location?.local))
      const [whole, others] = [entries.filter(isCopied), entries.filter((entry) => !isCopied(entry))]
      for (const { name, location } of whole) {
        located.set(name, { location: 'weights', offset, length: location?.length ?? 0 })
        for await (const part of reader.parts(location as WeightLocation)) write(part, PIECE)
      }
      for await (const group of readInGroups(inFileOrder(others), reader.read)) {
        for (const [{ name }, value] of group) {
          const bytes = weightBytes(value)
          located.set(name, { location: 'weights', offset, length: bytes.length })
          write(bytes)
        }
        reader.reuse()
      }
    } finally {
      await Promise.all([file.close(), reader.close()])
    }
  } catch (error) {
    await release()
    throw error
  }
  return {
    dataOf: ({ name }) => located.get(name) as TensorProto['data'],
    sessionOptions: folderOptions(folder),
    release,
  }
}

export const runtime: Runtime = {
  defaultProviders: ['cpu'],
  inTurn: (call) => call(),
  load,
  storeWeights,
  openStore: () => openThreadStore(),
}
