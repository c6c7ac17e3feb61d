import { platform } from '#platform'
import { CheckpointError, SourceError } from '../../errors'
import type { Tensor } from '../../tensor'
import { openSource, type Source } from '../source'
import type { WeightEntry } from '../weights'
import { decode } from './dtypes'
import { readHeader } from './header'

export interface SafetensorsFile {
  readonly weights: Map<string, WeightEntry>
  readonly metadata: Readonly<Record<string, string>>
}

/** The weights of one safetensors file, none of them read yet; undefined where the file is absent. */
export async function openSafetensors(source: Source, file: string): Promise<SafetensorsFile | undefined> {
  const local = await source.locate(file)
  const start = await source.read(file, [0, 8])
  if (!start) return undefined
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    const bytes = await source.read(file, [offset, offset + length])
    if (bytes?.length === length) return bytes
    throw new CheckpointError(
      'truncated',
      `${file} of ${source.describe}: ${length} bytes were asked for at ${offset}, ${bytes?.length ?? 0} came.`,
    )
  }
  const headerBytes = async (from: number, to: number) =>
    from === 0 ? start : ((await source.read(file, [from, to])) ?? new Uint8Array())
  const { entries, metadata } = await readHeader(headerBytes, `${file} of ${source.describe}`, local?.size)
  const weights = new Map<string, WeightEntry>()
  for (const { name, storage, shape, offset, length } of entries) {
    weights.set(name, {
      name,
      shape,
      storage,
      location: { file, offset, length, local, read },
      read: async () => decode(length === 0 ? new Uint8Array() : await read(offset, length), storage, shape),
    })
  }
  return { weights, metadata }
}

/** A file in memory, as a source. */
const bytesSource = (bytes: Uint8Array): Source => ({
  describe: 'the given bytes',
  read: (_name, range) => Promise.resolve(range ? bytes.subarray(...range) : bytes),
  locate: () => Promise.resolve(undefined),
})

async function fileSource(path: string | URL): Promise<{ source: Source; file: string }> {
  const text = String(path)
  const query = /^https?:/i.test(text) ? text.slice(text.split('?')[0]?.length ?? 0) : ''
  const whole = text.slice(0, text.length - query.length)
  const cut = Math.max(whole.lastIndexOf('/'), platform.name === 'node' ? whole.lastIndexOf('\\') : -1)
  const folder = cut < 0 ? '.' : whole.slice(0, cut + 1)
  return { source: await openSource(folder + query), file: decodeURIComponent(whole.slice(cut + 1)) }
}

/** Every tensor of a safetensors file: a path, a URL or its bytes. Half precision becomes float32. */
export async function readSafetensors(source: string | URL | Uint8Array): Promise<Map<string, Tensor>> {
  const from =
    source instanceof Uint8Array ? { source: bytesSource(source), file: 'safetensors' } : await fileSource(source)
  if (source instanceof Uint8Array) await readHeader(async (a, b) => source.subarray(a, b), 'The given data', source.length)
  const opened = await openSafetensors(from.source, from.file)
  if (!opened) throw new SourceError('source-not-found', `There is no file ${String(source)}.`)
  const tensors = new Map<string, Tensor>()
  for (const [name, entry] of opened.weights) tensors.set(name, await entry.read())
  return tensors
}
