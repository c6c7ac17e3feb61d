import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'

export interface Row {
  readonly id: string
  readonly embedding: number[]
}

export const rowsOf = async (path: string): Promise<Row[]> =>
  (await parquetReadObjects({ file: await asyncBufferFromFile(path) })) as unknown as Row[]

/** Rows of all shards of a folder, in order. */
export async function rowsIn(folder: string): Promise<Row[]> {
  const files = (await readdir(folder)).filter((name) => /^shard-\d+\.parquet$/.test(name)).sort()
  return (await Promise.all(files.map((name) => rowsOf(join(folder, name))))).flat()
}

/** Of ids and all bits of embeddings. */
export function checksumOf(rows: readonly Row[]): string {
  const hash = createHash('sha256')
  for (const { id, embedding } of rows) hash.update(`${id}\n`).update(Buffer.from(Float32Array.from(embedding).buffer))
  return hash.digest('hex')
}
