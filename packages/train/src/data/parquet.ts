import { InputError, SourceError, type SourceLike, type SourceOptions } from '@dual-encoder/core'
import { checkOptions, openSource, type Source } from '@dual-encoder/core/backend'
import type { AsyncBuffer, FileMetaData } from 'hyparquet'
import { type Columns, type FoundColumns, findColumns, labelsOf } from './columns'
import type { BadSample, Sample, StreamedData } from './sample'
import { type Shard, shardedData, type ShuffleOptions } from './shards'
import type { Row } from './tables'

export interface ParquetOptions extends ShuffleOptions {
  /** Names of the files. Default: all of the folder, where it can be listed. */
  files?: readonly string[]
  columns?: Columns
  source?: SourceOptions
}

/**
 * Parquet files with a column of pictures (bytes, `{ bytes, path }` as Hugging Face's datasets write them, or names of files
 * beside) and one of captions. A row group is read when its turn comes.
 */
export async function parquetData(folder: SourceLike, options: ParquetOptions = {}): Promise<StreamedData> {
  checkOptions(options, ['files', 'columns', 'source', 'shuffleBuffer'], 'parquetData')
  const source = await openSource(folder, options.source)
  const files = options.files ?? ((await source.list?.()) ?? []).filter((name) => name.endsWith('.parquet'))
  return parquetFiles(source, files, options)
}

export async function parquetFiles(
  source: Source,
  files: readonly string[],
  { columns = {}, shuffleBuffer }: Pick<ParquetOptions, 'columns' | 'shuffleBuffer'>,
): Promise<StreamedData> {
  if (files.length === 0)
    throw new SourceError(
      'no-shards',
      `No parquet files in ${source.describe}. Name them: { files: ['train.parquet'] }.`,
    )
  const shards: Shard[] = []
  for (const name of files) shards.push(...(await rowGroups(source, name, columns)))
  return shardedData(shards, { ...(shuffleBuffer !== undefined && { shuffleBuffer }) })
}

async function rowGroups(source: Source, name: string, given: Columns): Promise<Shard[]> {
  const { parquetMetadataAsync } = await import('hyparquet')
  const file = await bufferOf(source, name)
  let metadata: FileMetaData
  try {
    metadata = await parquetMetadataAsync(file)
  } catch (cause) {
    throw new SourceError('bad-parquet', `${name} of ${source.describe} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
  const columns = findColumns(topLevelColumns(metadata), given, name)
  let start = 0
  return metadata.row_groups.map(({ num_rows }, i) => {
    const rowStart = start
    start += Number(num_rows)
    const range = { rowStart, rowEnd: start }
    return {
      name: `${name}, row group ${i}`,
      read: () => samplesOf(source, { file, metadata, name, columns, ...range }),
    }
  })
}

/** Names of the columns, of which nested ones have children that follow. */
function topLevelColumns({ schema }: FileMetaData): string[] {
  const names: string[] = []
  let at = 1
  const skip = (): void => {
    const children = schema[at++]?.num_children ?? 0
    for (let i = 0; i < children; i++) skip()
  }
  while (at < schema.length) {
    names.push(schema[at]!.name)
    skip()
  }
  return names
}

async function bufferOf(source: Source, name: string): Promise<AsyncBuffer> {
  const size = (await source.locate(name))?.size ?? (await source.size?.(name))
  const whole = size === undefined ? await source.read(name) : undefined
  if (size === undefined && !whole)
    throw new SourceError('source-not-found', `There is no ${name} in ${source.describe}.`)
  return {
    byteLength: size ?? whole!.length,
    async slice(start, end = size ?? whole!.length) {
      const bytes = whole?.subarray(start, end) ?? (await source.read(name, [start, end]))
      if (!bytes) throw new SourceError('source-not-found', `${name} of ${source.describe} is gone.`)
      // Of its own: a part of a larger buffer has others' bytes before it.
      return new Uint8Array(bytes).buffer
    },
  }
}

interface Part {
  readonly file: AsyncBuffer
  readonly metadata: FileMetaData
  readonly name: string
  readonly columns: FoundColumns
  readonly rowStart: number
  readonly rowEnd: number
}

async function* samplesOf(source: Source, part: Part): AsyncGenerator<Sample | BadSample> {
  const { parquetReadObjects } = await import('hyparquet')
  const { file, metadata, name, columns, rowStart, rowEnd } = part
  const { image, text, group, weight } = columns
  const wanted = [image, ...text, group, weight].filter((column) => column !== undefined)
  // Bytes that are not said to be text stay bytes.
  const rows = await parquetReadObjects({ file, metadata, columns: wanted, rowStart, rowEnd, utf8: false })
  for (const [i, row] of rows.entries()) {
    const key = `${name} row ${rowStart + i}`
    try {
      yield await sampleOf(source, row, columns, key)
    } catch (error) {
      yield { key, error: error as Error }
    }
  }
}

async function sampleOf(source: Source, row: Row, columns: FoundColumns, key: string): Promise<Sample> {
  const labels = labelsOf(row, columns)
  if (labels.text.length === 0) throw new InputError('empty-caption', `${key} has no caption.`)
  const value = row[columns.image]
  const { bytes = value, path } = (value ?? {}) as { bytes?: unknown; path?: unknown }
  if (bytes instanceof Uint8Array) return { ...labels, key, image: bytes }
  const name = typeof value === 'string' ? value : path
  if (typeof name !== 'string') throw new InputError('no-picture', `${key} has no picture.`)
  if (/^https?:/i.test(name)) return { ...labels, key, image: name }
  const image = await source.read(name)
  if (!image) throw new SourceError('image-not-found', `There is no picture "${name}" in ${source.describe}.`)
  return { ...labels, key, image }
}
