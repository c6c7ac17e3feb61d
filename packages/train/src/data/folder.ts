import { InputError, SourceError, type SourceLike, type SourceOptions } from '@dual-encoder/core'
import { checkOptions, openSource, type Source } from '@dual-encoder/core/backend'
import { type Columns, type FoundColumns, findColumns, labelsOf } from './columns'
import type { IndexedData, Sample } from './sample'
import { parseTable, type Row } from './tables'

export interface FolderOptions {
  /** The table of captions, .csv, .tsv or .jsonl. Default: the first there is of metadata, captions or data by name. */
  table?: string
  columns?: Columns
  /** Where pictures lie, relative to which the table names them. Default: beside the table. */
  images?: string
  source?: SourceOptions
}

const TABLES = ['metadata', 'captions', 'data'].flatMap((name) =>
  ['jsonl', 'csv', 'tsv'].map((end) => `${name}.${end}`),
)

/** Pictures in a folder, with a table that names them and their captions. */
export async function folderData(folder: SourceLike, options: FolderOptions = {}): Promise<IndexedData> {
  checkOptions(options, ['table', 'columns', 'images', 'source'], 'folderData')
  const source = await openSource(folder, options.source)
  return tableData(source, await readTable(source, options.table), options)
}

async function readTable(source: Source, table: string | undefined): Promise<{ name: string; rows: Row[] }> {
  for (const name of table === undefined ? TABLES : [table]) {
    const bytes = await source.read(name)
    if (bytes) return { name, rows: parseTable(new TextDecoder().decode(bytes), name) }
  }
  throw new SourceError(
    'no-table',
    `${source.describe} has no ${table ?? TABLES.join(', ')}. Give the table of captions: { table: 'name.csv' }.`,
  )
}

export function tableData(
  source: Source,
  { name, rows }: { name: string; rows: readonly Row[] },
  { columns = {}, images }: Pick<FolderOptions, 'columns' | 'images'>,
): IndexedData {
  const first = rows[0]
  if (!first) throw new SourceError('no-rows', `${name} of ${source.describe} has no rows.`)
  const found = findColumns(Object.keys(first), columns, name)
  const folder = images ?? (name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '')
  const pictureOf = (row: Row) => String(row[found.image] ?? '')
  const placeOf = (picture: string) =>
    folder === '' || isUrl(picture) ? picture : `${folder.replace(/\/+$/, '')}/${picture}`
  return {
    length: rows.length,
    get: (index) => readSample(source, placeOf(pictureOf(rows[index]!)), rows[index]!, found),
    keysOf(index) {
      const { text, group } = labelsOf(rows[index]!, found)
      return [`image ${pictureOf(rows[index]!)}`, ...text, ...(group === undefined ? [] : [`group ${group}`])]
    },
  }
}

const isUrl = (name: string): boolean => /^(https?|data):/i.test(name)

async function readSample(source: Source, picture: string, row: Row, columns: FoundColumns): Promise<Sample> {
  const labels = labelsOf(row, columns)
  if (labels.text.length === 0) throw new InputError('empty-caption', `${picture} has no caption.`)
  if (isUrl(picture)) return { ...labels, image: picture, key: picture }
  const image = picture === '' ? undefined : await source.read(picture)
  if (!image) throw new SourceError('image-not-found', `There is no picture "${picture}" in ${source.describe}.`)
  return { ...labels, image, key: picture }
}
