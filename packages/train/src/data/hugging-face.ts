import { SourceError, type SourceLike, type SourceOptions } from '@dual-encoder/core'
import { checkOptions, openSource } from '@dual-encoder/core/backend'
import type { Columns } from './columns'
import { tableData } from './folder'
import { parquetFiles } from './parquet'
import type { IndexedData, StreamedData } from './sample'
import type { ShuffleOptions } from './shards'
import { parseTable } from './tables'

export interface HuggingFaceOptions extends ShuffleOptions {
  /** Default: 'train'. */
  split?: string
  columns?: Columns
  source?: SourceOptions
}

/**
 * The folder of a data set as Hugging Face's hub holds it: Parquet files whose names say the split
 * (`data/train-00000-of-00004.parquet`), or pictures with a `metadata.jsonl` or `metadata.csv`.
 */
export async function huggingFaceData(
  folder: SourceLike,
  options: HuggingFaceOptions = {},
): Promise<IndexedData | StreamedData> {
  checkOptions(options, ['split', 'columns', 'source', 'shuffleBuffer'], 'huggingFaceData')
  const { split = 'train' } = options
  const source = await openSource(folder, options.source)
  if (!source.list)
    throw new SourceError(
      'no-list',
      `${source.describe} cannot say what files it has. Name them: parquetData(folder, { files }).`,
    )
  const names = await source.list()
  const parquet = names.filter((name) => name.endsWith('.parquet'))
  const ofSplit = (name: string) => new RegExp(`(^|[/._-])${split}([/._-])`).test(name)
  const chosen = parquet.filter(ofSplit)
  // A data set without splits is all training data.
  const saysSplit = parquet.some((name) => /(^|[/._-])(train|test|validation|val|dev)[/._-]/.test(name))
  if (chosen.length > 0 || (parquet.length > 0 && split === 'train' && !saysSplit))
    return parquetFiles(source, chosen.length > 0 ? chosen : parquet, options)
  const tables = names.filter((name) => /(^|\/)metadata\.(jsonl|csv)$/.test(name))
  const table = tables.find(ofSplit) ?? tables.find((name) => !name.includes('/'))
  if (table !== undefined) {
    const text = new TextDecoder().decode(await source.read(table))
    return tableData(source, { name: table, rows: parseTable(text, table) }, options)
  }
  throw new SourceError(
    'no-data-set',
    names.some((name) => name.endsWith('.arrow'))
      ? `${source.describe} holds Arrow files (save_to_disk). Write it as Parquet: dataset.to_parquet('train.parquet').`
      : `${source.describe} has no Parquet file and no metadata.jsonl or metadata.csv for split "${split}".` +
          (parquet.length > 0 ? ` It has: ${parquet.slice(0, 5).join(', ')}.` : ''),
  )
}
