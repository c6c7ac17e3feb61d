import { InputError, OptionError, SourceError, type SourceLike, type SourceOptions } from '@dual-encoder/core'
import { checkOptions, openSource, type Source } from '@dual-encoder/core/backend'
import type { BadSample, Sample, StreamedData } from './sample'
import { shardedData, type ShuffleOptions } from './shards'
import { readTar, type TarFile } from './tar'

export interface WebDatasetOptions extends ShuffleOptions {
  /** Names of tar files, with `{000..012}` for many. Default: all of the folder, where it can be listed. */
  shards?: string | readonly string[]
  /** Keys of the `.json` whose values are captions, one or a list. Default: caption, captions, text, texts. */
  captionKeys?: readonly string[]
  source?: SourceOptions
}

const IMAGES = /^(jpe?g|png|webp|gif|bmp|tiff?|avif|img)$/
/** Bytes that are asked for at once. */
const CHUNK = 1 << 22

/**
 * WebDataset: tar files in which the files of one sample follow one another and share their name up to the first dot:
 * `0001.jpg`, `0001.txt` (a caption a line) or `0001.json`.
 */
export async function webDataset(folder: SourceLike, options: WebDatasetOptions = {}): Promise<StreamedData> {
  checkOptions(options, ['shards', 'captionKeys', 'source', 'shuffleBuffer'], 'webDataset')
  const { captionKeys = ['caption', 'captions', 'text', 'texts'], shuffleBuffer } = options
  const source = await openSource(folder, options.source)
  const names =
    options.shards === undefined
      ? ((await source.list?.()) ?? []).filter((name) => /\.(tar|tgz|tar\.gz)$/.test(name))
      : [options.shards].flat().flatMap(expandBraces)
  if (names.length === 0)
    throw new SourceError(
      'no-shards',
      `No tar files in ${source.describe}. Name them: { shards: 'train-{000..012}.tar' }.`,
    )
  return shardedData(
    names.map((name) => ({
      name,
      read: () => samplesOf(readTar(inflated(chunksOf(source, name)), name), name, captionKeys),
    })),
    { ...(shuffleBuffer !== undefined && { shuffleBuffer }) },
  )
}

/** `a-{08..10}.tar` -> a-08.tar, a-09.tar, a-10.tar; `{x,y}` -> x, y. */
export function expandBraces(pattern: string): string[] {
  const [whole, inner] = /\{([^{}]*)\}/.exec(pattern) ?? []
  if (whole === undefined || inner === undefined) return [pattern]
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(inner) ?? []
  if (from !== undefined && to !== undefined && Number(to) < Number(from))
    throw new OptionError('bad-option', `shards: "${whole}" counts down.`)
  const values =
    from === undefined || to === undefined
      ? inner.split(',')
      : Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) =>
          String(Number(from) + i).padStart(from.length, '0'),
        )
  return values.flatMap((value) => expandBraces(pattern.replace(whole, () => value)))
}

async function* chunksOf(source: Source, name: string): AsyncGenerator<Uint8Array> {
  const size = (await source.locate(name))?.size ?? (await source.size?.(name))
  if (size === undefined) {
    const bytes = await source.read(name)
    if (!bytes) throw new SourceError('source-not-found', `There is no ${name} in ${source.describe}.`)
    yield bytes
    return
  }
  for (let at = 0; at < size; at += CHUNK) {
    const bytes = await source.read(name, [at, Math.min(at + CHUNK, size)])
    if (!bytes) throw new SourceError('source-not-found', `${name} of ${source.describe} is gone.`)
    yield bytes
  }
}

/** What is gzipped is inflated as it comes. */
async function* inflated(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { value: first, done } = await chunks.next()
  if (done) return
  const all = async function* () {
    yield first
    yield* chunks
  }
  if (first[0] !== 0x1f || first[1] !== 0x8b) return yield* all()
  const iterator = all()
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value as Uint8Array<ArrayBuffer>)
    },
    cancel: async () => void (await iterator.return(undefined)),
  })
  const reader = stream.pipeThrough(new DecompressionStream('gzip')).getReader()
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Files that follow one another and share a key are a sample. */
async function* samplesOf(
  files: AsyncIterable<TarFile>,
  shard: string,
  captionKeys: readonly string[],
): AsyncGenerator<Sample | BadSample> {
  let key: string | undefined
  let parts = new Map<string, Uint8Array>()
  const finish = () => (key === undefined ? [] : [sampleOf(`${shard}/${key}`, parts, captionKeys)])
  for await (const { name, data } of files) {
    const slash = name.lastIndexOf('/') + 1
    const dot = name.indexOf('.', slash)
    // Files that begin with a dot, or have no ending, are none of a sample's.
    if (dot <= slash) continue
    if (name.slice(0, dot) !== key) {
      yield* finish()
      key = name.slice(0, dot)
      parts = new Map()
    }
    parts.set(name.slice(dot + 1).toLowerCase(), data)
  }
  yield* finish()
}

function sampleOf(
  key: string,
  parts: ReadonlyMap<string, Uint8Array>,
  captionKeys: readonly string[],
): Sample | BadSample {
  const bad = (error: Error): BadSample => ({ key, error })
  const image = [...parts].find(([ending]) => IMAGES.test(ending))?.[1]
  if (!image)
    return bad(new InputError('no-picture', `${key} has no picture: its files are ${[...parts.keys()].join(', ')}.`))
  const read = (ending: string) => {
    const bytes = parts.get(ending)
    return bytes && new TextDecoder().decode(bytes)
  }
  let labels: Record<string, unknown>
  try {
    labels = JSON.parse(read('json') ?? '{}') as Record<string, unknown>
  } catch (error) {
    return bad(error as Error)
  }
  const text = [...(read('txt') ?? read('caption') ?? '').split('\n'), ...captionKeys.flatMap((name) => labels[name])]
    .filter((caption): caption is string => typeof caption === 'string')
    .map((caption) => caption.trim())
    .filter((caption) => caption !== '')
  if (text.length === 0) return bad(new InputError('empty-caption', `${key} has no caption.`))
  const { group, weight } = labels
  return {
    key,
    image,
    text: [...new Set(text)],
    ...(typeof group === 'string' || typeof group === 'number' ? { group } : {}),
    ...(typeof weight === 'number' ? { weight } : {}),
  }
}
