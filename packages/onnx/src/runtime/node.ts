import { mkdtemp, rm } from 'node:fs/promises'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, parse, relative } from 'node:path'
import {
  BackendError,
  bytesOf,
  inFileOrder,
  type LocalFile,
  readInGroups,
  storedOf,
  storedParts,
  type WeightEntry,
  type WeightLocation,
} from '@dual-encoder/core/backend'
import type { InferenceSession } from 'onnxruntime-common'
import type OrtNode from 'onnxruntime-node'
import type { TensorProto } from '../graph/proto'
import type { OnnxOptions } from '../options'
import { LocalReader } from './node-reader'
import { openWriter } from './node-writer'
import { threadEngine } from './node-engine'
import type { Engine, StoredWeights, Runtime } from './runtime'
import { here, openThreadStore } from './node-store'
import { startThreads, threadsFor } from './node-threads'
import { isMadeHere, isRaw, keptBytes, type Range, weightBytes } from './weight-bytes'

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

/** Where locations begin that ONNX Runtime is given: it takes none outside of one folder. */
const rootOf = (folder: string): string => parse(folder).root

const folderOptions = (folder: string): InferenceSession.SessionOptions => ({
  extra: { session: { [FOLDER_KEY]: folder } },
})

/** @throws SourceError where a file is no longer the one that was opened: its weights lie elsewhere now. */
async function checkUnchanged(entries: readonly WeightEntry[]): Promise<void> {
  const files = new Map(entries.map(({ location }) => [location?.local?.name, location]))
  for (const location of files.values()) await location?.read(location.offset, 0)
}

interface Mapped extends WeightEntry {
  readonly location: WeightLocation & { readonly local: LocalFile }
}
const isMapped = (entry: WeightEntry): entry is Mapped => isRaw(entry) && entry.location?.local !== undefined

type Asked = NonNullable<Parameters<Runtime['storeWeights']>[1]>

/**
 * ONNX Runtime maps float32 weights, and int8 that is multiplied as it lies, straight from the checkpoint. What is stored
 * otherwise (half precision, another format, over HTTP) is written to a temporary file once and mapped from there, because
 * buffers given from JavaScript are copied several times.
 */
async function storeWeights(entries: readonly WeightEntry[], asked: Asked = () => undefined): Promise<StoredWeights> {
  const known = entries.filter(isMapped)
  const root = rootOf(known[0]?.location.local.folder ?? tmpdir())
  const mapped = new Map(
    known.filter(({ location }) => rootOf(location.local.folder) === root).map((entry) => [entry.name, entry]),
  )
  const rest = entries.filter(({ name }) => !mapped.has(name))
  const restBytes = rest.reduce((sum, entry) => sum + bytesOf(entry), 0)
  const isAside = mapped.size === 0 || restBytes > MAX_INLINE
  // Another drive than the temporary folder's has another root.
  const check = () => checkUnchanged(entries.flatMap(storedOf).filter(({ location }) => location?.local))
  const wanted = async () => {
    const asking = asked()
    if (!asking) return
    await asking
    // It may have been a while.
    await check()
  }
  await check()
  if (isAside && rootOf(tmpdir()) !== root) return writeAside(entries, check, wanted)
  const aside = isAside ? await writeAside(rest, check, wanted) : await wanted()
  const inline = new Map<string, Uint8Array>()
  if (!isAside)
    for await (const group of readInGroups(rest))
      for (const [entry, value] of group) inline.set(entry.name, keptBytes(entry, value))
  return {
    dataOf(entry) {
      const found = mapped.get(entry.name)?.location
      if (!found) return inline.get(entry.name) ?? (aside as StoredWeights).dataOf(entry)
      const { local, offset, length } = found
      return { location: relative(root, join(local.folder, local.name)), offset, length }
    },
    sessionOptions: folderOptions(root),
    release: () => aside?.release() ?? Promise.resolve(),
  }
}

async function writeAside(
  entries: readonly WeightEntry[],
  check: () => Promise<void>,
  wanted: () => Promise<void>,
): Promise<StoredWeights> {
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
  try {
    const ordered = inFileOrder(await madeFloat32(entries))
    const all = [
      ['made', ordered.filter(isMadeHere), async (...given) => (await import('./node-making')).writeMade(...given)],
      ['weights', ordered.filter((entry) => !isMadeHere(entry)), writeRead],
    ] satisfies [string, WeightEntry[], Write][]
    // At once: reading and writing a little takes longer to wait for than to do.
    const writing = all.map(async ([file, some, write]) => {
      if (some.length === 0) return
      const path = join(folder, file)
      const location = relative(rootOf(folder), path)
      for (const [name, range] of await write(some, path, wanted)) located.set(name, { location, ...range })
    })
    await Promise.allSettled(writing)
    await Promise.all(writing)
  } catch (error) {
    await release()
    // It says what is wrong with files that are no longer those.
    await check()
    throw error
  }
  return {
    dataOf: ({ name }) => located.get(name) as TensorProto['data'],
    sessionOptions: folderOptions(rootOf(folder)),
    release,
  }
}

/** What a file of this machine holds as int8 is made float32 as other weights are made: on all cores. */
async function madeFloat32(entries: readonly WeightEntry[]): Promise<readonly WeightEntry[]> {
  if (!entries.some(isHeldAsInt8)) return entries
  const { recipeOf } = await import('../int8/recipe')
  return entries.map((entry) =>
    isHeldAsInt8(entry)
      ? { ...entry, storage: 'F32', made: { by: recipeOf(storedParts(entry), 'float32'), index: 0 } }
      : entry,
  )
}
const isHeldAsInt8 = ({ quantized, made }: WeightEntry): boolean => quantized !== undefined && !made

/**
 * Writes weights into a file of their own.
 * @param wanted what comes before this thread does its part
 * @returns where, by their names
 */
type Write = (entries: readonly WeightEntry[], path: string, wanted: () => Promise<void>) => Promise<Map<string, Range>>

const writeRead: Write = async (entries, path, wanted) => {
  await wanted()
  const ranges = new Map<string, Range>()
  const [reader, writer] = [new LocalReader(), await openWriter(path)]
  try {
    for await (const group of readInGroups(entries, reader.read)) {
      for (const [{ name }, value] of group) {
        const bytes = weightBytes(value)
        ranges.set(name, { offset: writer.add(bytes), length: bytes.length })
      }
      reader.reuse()
      await writer.turn()
    }
  } finally {
    await Promise.all([writer.close(), reader.close()])
  }
  return ranges
}

export const runtime: Runtime = {
  defaultProviders: ['cpu'],
  hasWorker: true,
  inTurn: (call) => call(),
  load,
  startThreads(bytes) {
    const count = threadsFor(bytes)
    // Where that fails, whoever shares work hears of it.
    startThreads(count).catch(() => undefined)
    return count > 0
  },
  storeWeights,
  openStore: () => openThreadStore(),
}
