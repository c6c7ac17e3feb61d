import {
  DualEncoderError,
  type SourceLike,
  Tokenizer,
  type TokenizerCallOptions,
  type TokenRows,
} from '@dual-encoder/core'

/** parity-tests/fixtures/text/tokenizers.json: checksums of what transformers gives. */
export interface TokenizersFixture {
  readonly chunk: number
  readonly count: number
  readonly batches: readonly [texts: string | string[], pairs: string | string[] | null][]
  readonly cases: readonly [batch: number, options: Record<string, unknown>][]
  readonly families: Readonly<Record<string, FamilyFixture>>
}

export interface FamilyFixture {
  /** Ids of all strings, a checksum for each `chunk` of them. */
  readonly chunks: readonly number[]
  /** Ids of every 1021st string, in full. */
  readonly samples: readonly (readonly number[])[]
  /** The UTF-8 bytes of the first thousand rows decoded, and decoded without special tokens. */
  readonly decoded: readonly number[]
  readonly plain: readonly number[]
  /** Of the first 4000 strings, those of kinds 0 to 4 (../../../docs/text.md says why not the others). */
  readonly offsets: readonly number[]
  /** Ids of the first 400 strings, cut at spaces and given as words. */
  readonly words: readonly number[]
  /** Of each case: ids, mask, types and special tokens of its rows; null where transformers raises. */
  readonly calls: readonly (number | null)[]
}

const SAMPLE_STEP = 1021

/** FNV-1a over the numbers of rows, a row ending in -1. */
function checksum(rows: readonly (readonly number[] | Uint8Array)[]): number {
  let value = 0x811c9dc5
  for (const row of rows) for (const number of [...row, -1]) value = Math.imul(value ^ number, 0x01000193) >>> 0
  return value
}

export const rowsOf = (rows: TokenRows): number[][] => {
  if (Array.isArray(rows)) return rows
  const [count = 0, length = 0] = rows.dims
  return Array.from({ length: count }, (_, i) => Array.from(rows.data.subarray(i * length, (i + 1) * length), Number))
}

/** Which chunks differ, as the index of their first row. */
function differingChunks(rows: readonly (readonly number[])[], wanted: readonly number[], chunk: number): number[] {
  return Array.from({ length: Math.ceil(rows.length / chunk) }, (_, i) => i)
    .filter((i) => checksum(rows.slice(i * chunk, (i + 1) * chunk)) !== wanted[i])
    .map((i) => i * chunk)
}

const camel = (name: string): string => name.replace(/_(.)/g, (_, char: string) => char.toUpperCase())

/** All that differs from transformers, in words: [] = nothing. */
export function checkTokenizer(
  name: string,
  tokenizer: Tokenizer,
  texts: readonly string[],
  { chunk, count, batches, cases, families }: TokenizersFixture,
): string[] {
  const family = families[name]
  if (!family || texts.length !== count) return [`${name}: ${texts.length} strings, and not ${count}`]
  const differences: string[] = []
  const compare = (what: string, rows: readonly (readonly number[])[], wanted: readonly number[]) => {
    const chunks = differingChunks(rows, wanted, chunk)
    if (chunks.length > 0) differences.push(`${name}: ${what} of rows from ${chunks.join(', ')}`)
    if (Math.ceil(rows.length / chunk) !== wanted.length) differences.push(`${name}: ${what}: other number of rows`)
  }
  const ids = texts.map((text) => rowsOf(tokenizer(text).inputIds)[0]!)
  compare('ids', ids, family.chunks)
  family.samples.forEach((sample, i) => {
    if (sample.join() !== ids[i * SAMPLE_STEP]!.join()) differences.push(`${name}: sample ${i}`)
  })
  compare(
    'offsets',
    texts
      .slice(0, 4000)
      .filter((_, i) => i % 8 < 5)
      .map((text) => tokenizer(text, { addSpecialTokens: false, returnOffsetsMapping: true }).offsetMapping!.flat(2)),
    family.offsets,
  )
  const words = texts.slice(0, 400).map((text) => text.split(' ').filter(Boolean))
  const split = words.map((list) => (list.length > 0 ? list : ['x']))
  compare('ids of words', rowsOf(tokenizer(split, { isSplitIntoWords: true }).inputIds), family.words)
  const bytes = (text: string) => checksum([new TextEncoder().encode(text)])
  const decoded = ids.slice(0, family.decoded.length)
  decoded.forEach((row, i) => {
    if (bytes(tokenizer.decode(row)) !== family.decoded[i]) differences.push(`${name}: decode of row ${i}`)
    if (bytes(tokenizer.decode(row, { skipSpecialTokens: true })) !== family.plain[i])
      differences.push(`${name}: decode of row ${i} without special tokens`)
  })
  cases.forEach(([batch, options], i) => {
    const given = callSum(tokenizer, ...batches[batch]!, options)
    if (given !== family.calls[i])
      differences.push(`${name}: batch ${batch} ${JSON.stringify(options)}: ${given} and not ${family.calls[i]}`)
  })
  return differences
}

/** Null for a typed error. */
function callSum(
  tokenizer: Tokenizer,
  texts: string | string[],
  pairs: string | string[] | null,
  options: Record<string, unknown>,
): number | null {
  const named = Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value]))
  try {
    const output = tokenizer(texts, {
      ...(named as TokenizerCallOptions),
      ...(pairs === null ? {} : { textPair: pairs }),
      returnSpecialTokensMask: true,
      returnTokenTypeIds: true,
      returnAttentionMask: true,
    })
    const parts = [output.inputIds, output.attentionMask!, output.tokenTypeIds!, output.specialTokensMask!].map(rowsOf)
    return checksum(parts[0]!.flatMap((_, row) => parts.map((rows) => rows[row]!)))
  } catch (error) {
    if (error instanceof DualEncoderError) return null
    throw error
  }
}

/** The tokenizer.json that `savePretrained` writes. */
export async function savedJson(source: SourceLike): Promise<object> {
  const files = new Map<string, string>()
  const tokenizer = await Tokenizer.fromPretrained(source)
  await tokenizer.savePretrained({
    async write(name, chunks) {
      const parts: BlobPart[] = []
      for await (const chunk of chunks) parts.push(chunk as Uint8Array<ArrayBuffer>)
      files.set(name, await new Blob(parts).text())
    },
  })
  return JSON.parse(files.get('tokenizer.json')!) as object
}
