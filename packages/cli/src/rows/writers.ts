import { open, rename, rm, writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { OptionError } from '@dual-encoder/core'
import { ParquetWriter, fileWriter } from 'hyparquet-writer'

export interface EmbeddedRow {
  readonly id: string
  /** `[D]` */
  readonly embedding: Float32Array
}
type Rows = AsyncIterable<EmbeddedRow> | Iterable<EmbeddedRow>
/** Writes rows of `size` numbers each. */
type WriteRows = (path: string, rows: Rows, count: number, size: number) => Promise<void>

/** Rows that are held at a time. */
const GROUP = 4096

/** NumPy's format, a matrix `[N, D]`; ids, a JSON list, in `NAME.ids.json` beside it. */
const npy: WriteRows = async (path, rows, count, size) => {
  const file = await open(path, 'w')
  const ids: string[] = []
  try {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, ${size}), }`
    // The header ends with a line break, at a multiple of 64 bytes.
    const text = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`
    const start = Buffer.from(`\u0093NUMPY\u0001\u0000\u0000\u0000${text}`, 'latin1')
    start.writeUInt16LE(text.length, 8)
    await file.appendFile(start)
    for await (const { id, embedding } of rows) {
      ids.push(id)
      await file.appendFile(new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength))
    }
  } finally {
    await file.close()
  }
  await writeFile(idsOf(path), JSON.stringify(ids))
}
const idsOf = (path: string): string => path.replace(/\.npy(?=(\.part)?$)/, '.ids.json')

const jsonl: WriteRows = async (path, rows) => {
  const file = await open(path, 'w')
  try {
    for await (const { id, embedding } of rows)
      await file.appendFile(`${JSON.stringify({ id, embedding: [...embedding] })}\n`)
  } finally {
    await file.close()
  }
}

/** Columns `id` (string) and `embedding` (list of float). */
const parquet: WriteRows = async (path, rows) => {
  const required = { repetition_type: 'REQUIRED' } as const
  const writer = new ParquetWriter({
    writer: fileWriter(path),
    schema: [
      { name: 'root', num_children: 2 },
      { name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', ...required },
      { name: 'embedding', converted_type: 'LIST', num_children: 1, ...required },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', type: 'FLOAT', ...required },
    ],
  })
  let held: EmbeddedRow[] = []
  const flush = async () => {
    await writer.write({
      columnData: [
        { name: 'id', data: held.map(({ id }) => id) },
        { name: 'embedding', data: held.map(({ embedding }) => [...embedding]) },
      ],
      rowGroupSize: GROUP,
    })
    held = []
  }
  for await (const row of rows) if (held.push(row) === GROUP) await flush()
  if (held.length > 0) await flush()
  await writer.finish()
}

const WRITERS: Readonly<Record<string, WriteRows>> = { '.npy': npy, '.parquet': parquet, '.jsonl': jsonl }

/** By the file's end. @throws OptionError for one that is not known */
export function writerFor(path: string): WriteRows {
  const write = WRITERS[extname(path).toLowerCase()]
  if (!write)
    throw new OptionError(
      'bad-format',
      `--out is ${path}; its end says the format: ${Object.keys(WRITERS).join(', ')}.`,
    )
  return async (target, ...rest) => {
    const aside = `${target}.part`
    try {
      await write(aside, ...rest)
      if (write === npy) await rename(idsOf(aside), idsOf(target))
      await rename(aside, target)
    } catch (error) {
      await rm(aside, { force: true })
      throw error
    }
  }
}
