import { CheckpointError, SourceError } from '../../base/errors'
import type { Tensor } from '../../base/tensor'
import { breathe } from '../../platform/breathe'
import { readEntries } from '../read-entries'
import { openSource } from '../../files/source'
import type { Source } from '../../files/types'
import type { WeightEntry } from '../entry'
import { decode } from './dtypes'
import { readHeader } from './header'

export interface SafetensorsFile {
  readonly weights: Map<string, WeightEntry>
  readonly metadata: Readonly<Record<string, string>>
}

/** The weights of one safetensors file, none of them read yet; undefined where the file is absent. */
export async function openSafetensors(source: Source, file: string): Promise<SafetensorsFile | undefined> {
  const describe = `${file} of ${source.describe}`
  const local = await source.locate(file)
  const start = await source.read(file, [0, 8])
  if (!start) return undefined
  const range = async (from: number, to: number) => (await source.read(file, [from, to])) ?? new Uint8Array()
  let seen = local
  /** A checkpoint may be saved over while some of its weights are still to be read. */
  const checkUnchanged = async () => {
    const now = seen && (await source.locate(file))
    if (!seen || (now?.modified === seen.modified && now.size === seen.size && now.name === seen.name)) return
    const again = now && (await readHeader(range, describe, now.size))
    if (JSON.stringify(again?.entries) !== JSON.stringify(entries))
      throw new CheckpointError(
        'file-changed',
        `${describe} was replaced after it was opened. Load the checkpoint again.`,
      )
    seen = now
  }
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    await checkUnchanged()
    const bytes = await source.read(file, [offset, offset + length])
    if (bytes?.length === length) return bytes
    throw new CheckpointError(
      'truncated',
      `${describe}: ${length} bytes were asked for at ${offset}, ${bytes?.length ?? 0} came.`,
    )
  }
  const size = local?.size ?? (await source.size?.(file))
  const { entries, metadata } = await readHeader(
    async (from, to) => (to === 8 ? start : range(from, to)),
    describe,
    size,
  )
  const end = entries.reduce((last, { offset, length }) => Math.max(last, offset + length), 0)
  // A source that cannot tell the size is asked for the last byte.
  if (size === undefined && end > 0 && (await range(end - 1, end)).length !== 1)
    throw new CheckpointError('truncated', `${describe}: its tensors end at byte ${end}, the file ends before.`)
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
export const bytesSource = (bytes: Uint8Array): Source => ({
  describe: 'the given bytes',
  read: (_name, range) => Promise.resolve(range ? bytes.subarray(...range) : bytes),
  locate: () => Promise.resolve(undefined),
  size: () => Promise.resolve(bytes.length),
})

async function fileSource(path: string | URL): Promise<{ source: Source; file: string }> {
  const isUrl = path instanceof URL || /^(https?|file):/i.test(path)
  const text = String(path)
  const query = isUrl ? /\?.*$/.exec(text)?.[0] : undefined
  const whole = query ? text.slice(0, -query.length) : text
  const cut = Math.max(whole.lastIndexOf('/'), isUrl ? -1 : whole.lastIndexOf('\\'))
  const folder = cut < 0 ? '.' : whole.slice(0, cut + 1)
  const name = whole.slice(cut + 1)
  return { source: await openSource(folder + (query ?? '')), file: isUrl ? decodeURIComponent(name) : name }
}

/** Every tensor of a safetensors file: a path, a URL or its bytes. Half precision becomes float32. */
export async function readSafetensors(source: string | URL | Uint8Array): Promise<Map<string, Tensor>> {
  const from =
    source instanceof Uint8Array ? { source: bytesSource(source), file: 'safetensors' } : await fileSource(source)
  const opened = await openSafetensors(from.source, from.file)
  if (!opened) throw new SourceError('source-not-found', `There is no file ${String(source)}.`)
  const tensors = new Map<string, Tensor>()
  const entries = [...opened.weights.values()]
  // All of a file that is not here comes in one request.
  const fetched = entries.some(({ location }) => location?.local) ? undefined : await readEntries(entries)
  for (const entry of entries) {
    const bytes = fetched?.get(entry.name)
    await breathe()
    tensors.set(entry.name, bytes ? decode(bytes, entry.storage, entry.shape) : await entry.read())
  }
  return tensors
}
