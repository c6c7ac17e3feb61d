import { isJsonObject, type JsonObject } from '../../base/pretrained-config'
import { CheckpointError } from '../../base/errors'
import { STAND_IN_BYTES, standInForWeights } from '../../files/stand-in'
import type { StorageType } from '../entry'
import { STORAGE } from './dtypes'
import { repeatedKey } from './json-keys'

const MAX_HEADER = 100_000_000

interface HeaderEntry {
  readonly name: string
  readonly storage: StorageType
  readonly shape: readonly number[]
  /** From the start of the file. */
  readonly offset: number
  readonly length: number
}

export interface Header {
  readonly entries: readonly HeaderEntry[]
  readonly metadata: Readonly<Record<string, string>>
}

type Read = (start: number, end: number) => Promise<Uint8Array>

/**
 * Reads and checks a safetensors header. Nothing larger than the header is read, and no byte of it is
 * believed before it is checked against the file's size.
 * @param size of the whole file; undefined where the source cannot tell
 */
export async function readHeader(read: Read, file: string, size: number | undefined): Promise<Header> {
  const fail = (code: string, what: string): never => {
    throw new CheckpointError(code, `${file} is not a sound safetensors file: ${what}.`)
  }
  const prefix = await read(0, 8)
  if (prefix.length < 8) fail('truncated', `it holds ${prefix.length} bytes, and the header's length alone takes 8`)
  const long = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true)
  if (long > BigInt(MAX_HEADER)) {
    const other = standInForWeights(await read(0, STAND_IN_BYTES))
    if (other) fail(other.code, other.what)
    fail('header-too-large', `its header claims ${long} bytes; ${MAX_HEADER} are allowed`)
  }
  const length = Number(long)
  if (size !== undefined && 8 + length > size)
    fail('truncated', `its header claims ${length} bytes, the file holds ${size}`)
  const bytes = await read(8, 8 + length)
  if (bytes.length < length) fail('truncated', `its header claims ${length} bytes, ${bytes.length} are there`)
  const json = parse(bytes, fail)
  const metadata = metadataOf(json.__metadata__, fail)
  const base = 8 + length
  const entries = Object.entries(json)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => entryOf(name, value, base, fail))
  checkOffsets(entries, base, size, fail)
  return { entries, metadata }
}

type Fail = (code: string, what: string) => never

function parse(bytes: Uint8Array, fail: Fail): JsonObject {
  let text: string
  let json: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    json = JSON.parse(text)
  } catch (error) {
    return fail('bad-header', `its header is not JSON (${(error as Error).message})`)
  }
  if (!isJsonObject(json)) return fail('bad-header', 'its header is not a JSON object')
  const repeated = isWholeText(json, text) ? undefined : repeatedKey(text)
  if (repeated !== undefined) fail('duplicate-names', `its header holds "${repeated}" twice`)
  return json
}

/** Whether the value, written again, is the text: then the text hides nothing, which is known sooner than by looking for it. */
function isWholeText(json: JsonObject, text: string): boolean {
  try {
    return JSON.stringify(json) === text.trimEnd()
  } catch {
    // Too deep to be written, though it could be read.
    return false
  }
}

function metadataOf(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined) return {}
  if (!isJsonObject(value) || !Object.values(value).every((text) => typeof text === 'string'))
    return fail('bad-header', '__metadata__ must map strings to strings')
  return value as unknown as Record<string, string>
}

/** A value of the file, for a message: of what size or depth it may be is not known. */
function show(value: unknown): string {
  const isFlat = typeof value !== 'object' || (Array.isArray(value) && value.every((item) => typeof item !== 'object'))
  const text = isFlat ? String(JSON.stringify(value)) : 'an object'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function entryOf(name: string, value: unknown, base: number, fail: Fail): HeaderEntry {
  if (!isJsonObject(value)) return fail('bad-header', `"${name}" is not described by an object`)
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(STORAGE, dtype))
    return fail('bad-dtype', `"${name}" is of dtype ${show(dtype)}; known: ${Object.keys(STORAGE).join(', ')}`)
  const storage = dtype as StorageType
  if (!Array.isArray(shape) || !shape.every(isSize))
    return fail('bad-shape', `"${name}" has shape ${show(shape)}; non-negative integers are needed`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return fail('bad-offsets', `"${name}" has data_offsets ${show(offsets)}; two non-negative integers are needed`)
  const [start, end] = offsets as [number, number]
  if (end < start) fail('bad-offsets', `"${name}" ends at ${end}, before its start ${start}`)
  const bytes = shape.reduce((size, dim) => size * dim, STORAGE[storage].size)
  if (!Number.isSafeInteger(bytes)) fail('bad-shape', `"${name}" has shape ${show(shape)}, which no file can hold`)
  if (bytes !== end - start)
    fail(
      'shape-mismatch',
      `"${name}" of shape ${show(shape)} ${storage} takes ${bytes} bytes, its offsets span ${end - start}`,
    )
  return { name, storage, shape, offset: base + start, length: end - start }
}

function checkOffsets(entries: readonly HeaderEntry[], base: number, size: number | undefined, fail: Fail): void {
  let end = base
  for (const { name, offset, length } of [...entries].sort((a, b) => a.offset - b.offset || a.length - b.length)) {
    if (offset < end) fail('overlapping-offsets', `"${name}" overlaps the tensor before it`)
    if (offset > end) fail('gap-in-offsets', `${offset - end} bytes before "${name}" belong to no tensor`)
    end = offset + length
  }
  if (size !== undefined && end > size) fail('truncated', `its tensors end at byte ${end}, the file holds ${size}`)
  if (size !== undefined && end < size)
    fail('trailing-bytes', `${size - end} bytes behind its last tensor belong to nothing`)
}
