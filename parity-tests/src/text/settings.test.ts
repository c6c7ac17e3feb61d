import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { type DirectoryHandle, type FileReader, Tokenizer, type TokenRows } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'

import { rowsOf } from './tokenizers'

type Json = Record<string, unknown>

/** parity-tests/fixtures/text/settings.json: tools/reference/tokenizer_settings.py */
interface Fixture {
  readonly single: readonly string[]
  readonly pair: readonly [string, string]
  readonly blobs: Readonly<Record<string, string | { readonly base64: string }>>
  readonly cases: readonly { readonly name: string; readonly files: Files; readonly result: number }[]
  readonly results: readonly Result[]
  /** Where the tokens of the single texts stand, by class. */
  readonly offsets: Readonly<Record<string, readonly (readonly number[][])[]>>
  /** Lengths of a pair and the limit; and how many tokens of either text Python keeps, by class. */
  readonly lengths: readonly (readonly [first: number, second: number, limit: number])[]
  readonly longest: Readonly<Record<string, { readonly files: Files; readonly kept: readonly (readonly number[])[] }>>
}

/** A blob's name, a blob of tokenizer.json with some keys replaced, or the file itself. */
type Files = Readonly<Record<string, string | { $base: string; patch: Json } | Json>>

interface Result {
  readonly ids: readonly number[][]
  readonly pair: readonly [ids: number[], types: number[], special: number[]]
  readonly batch: Readonly<Record<string, number[][]>> | null
  readonly decoded: readonly string[]
  readonly plain: readonly string[]
  readonly names: readonly string[]
  readonly pad: string | null
  readonly sides: readonly [padding: string, truncation: string]
}

const path = fileURLToPath(new URL('../../fixtures/text/settings.json', import.meta.url))
const fixture = JSON.parse(readFileSync(path, 'utf8')) as Fixture

const encode = (text: string) => new TextEncoder().encode(text)
const blob = (name: string): Uint8Array => {
  const found = fixture.blobs[name]!
  return typeof found === 'string' ? encode(found) : Uint8Array.from(Buffer.from(found.base64, 'base64'))
}

function contentOf(file: Files[string]): Uint8Array {
  if (typeof file === 'string') return blob(file)
  if (!('$base' in file)) return encode(JSON.stringify(file))
  const base = JSON.parse(new TextDecoder().decode(blob(file.$base as string))) as Json
  return encode(JSON.stringify({ ...base, ...(file.patch as Json) }))
}

const sourceOf = (files: ReadonlyMap<string, Uint8Array>): FileReader => ({
  read: (name) => Promise.resolve(files.get(name)),
})

const snake = (name: string) => name.replace(/[A-Z]/g, (char) => `_${char.toLowerCase()}`)

function resultOf(tokenizer: Tokenizer): Result {
  const ids = fixture.single.map((text) => rowsOf(tokenizer(text).inputIds)[0]!)
  const options = { returnTokenTypeIds: true, returnSpecialTokensMask: true }
  const pair = tokenizer(fixture.pair[0], { textPair: fixture.pair[1], ...options })
  const row = (rows: TokenRows | undefined) => rowsOf(rows!)[0]!
  const batch =
    tokenizer.padToken === undefined
      ? null
      : Object.entries(tokenizer(fixture.single.slice(0, 3), { padding: true, truncation: true, maxLength: 7 }))
  return {
    ids,
    pair: [row(pair.inputIds), row(pair.tokenTypeIds), row(pair.specialTokensMask)],
    batch: batch && Object.fromEntries(batch.map(([name, rows]) => [snake(name), rowsOf(rows as TokenRows)])),
    decoded: ids.map((each) => tokenizer.decode(each)),
    plain: ids.map((each) => tokenizer.decode(each, { skipSpecialTokens: true })),
    names: tokenizer.modelInputNames,
    pad: tokenizer.padToken ?? null,
    sides: [tokenizer.paddingSide, tokenizer.truncationSide],
  }
}

/** What `savePretrained` writes into a folder of files. */
async function saved(tokenizer: Tokenizer, files: ReadonlyMap<string, Uint8Array>): Promise<Map<string, Uint8Array>> {
  const folder = new Map(files)
  const handle: DirectoryHandle = {
    getFileHandle: (name: string) =>
      Promise.resolve({
        createWritable: () => {
          const chunks: Uint8Array[] = []
          return Promise.resolve({
            write: (chunk: Uint8Array) => Promise.resolve(void chunks.push(chunk.slice())),
            close: () => Promise.resolve(void folder.set(name, new Uint8Array(Buffer.concat(chunks)))),
            abort: () => Promise.resolve(),
          })
        },
        getFile: () => Promise.resolve(new Blob([folder.get(name) as Uint8Array<ArrayBuffer>])),
      }),
    getDirectoryHandle: () => Promise.resolve(handle),
    removeEntry: (name: string) => Promise.resolve(void folder.delete(name)),
  }
  await tokenizer.savePretrained(handle)
  return folder
}

const folderOf = (files: Files) => new Map(Object.entries(files).map(([name, file]) => [name, contentOf(file)]))

describe('offsets', () => {
  it.each(Object.entries(fixture.offsets))('are those of Python: %s', (name, wanted) => {
    const tokenizer = JSON.parse(new TextDecoder().decode(blob(`${name}.json`))) as object
    const tokenize = Tokenizer.fromFiles({ tokenizer, tokenizerConfig: { tokenizer_class: name } })
    const given = fixture.single.map((text) => tokenize(text, { returnOffsetsMapping: true }).offsetMapping![0])
    expect(given).toEqual(wanted)
  })
})

/** Python's Rust library keeps an odd token of the longer text, its own code that of the first. */
describe('pairs cut longest_first', () => {
  it.each(Object.entries(fixture.longest))('keep as many tokens as in Python: %s', async (_, { files, kept }) => {
    const tokenizer = await Tokenizer.fromPretrained(sourceOf(folderOf(files)))
    const [a, x] = ['a', 'x'].map((letter) =>
      rowsOf(tokenizer(letter, { addSpecialTokens: false }).inputIds)[0]!.at(-1),
    )
    const given = fixture.lengths.map(([first, second, maxLength]) => {
      const options = { textPair: 'x '.repeat(second), truncation: 'longest_first', maxLength } as const
      const ids = rowsOf(tokenizer('a '.repeat(first), options).inputIds)[0]!
      return [a, x].map((letter) => ids.filter((id) => id === letter).length)
    })
    expect(given).toEqual(kept)
  })
})

describe('tokenizer settings', () => {
  it.each(fixture.cases)('$name', async ({ name, files, result }) => {
    const folder = folderOf(files)
    const tokenizer = await Tokenizer.fromPretrained(sourceOf(folder))
    expect(resultOf(tokenizer)).toEqual(fixture.results[result])
    // In Python too it has [CLS] and [SEP] once it is saved, and not before.
    if (name.startsWith('RemBertTokenizer slow')) return
    const again = await Tokenizer.fromPretrained(sourceOf(await saved(tokenizer, folder)))
    expect(resultOf(again)).toEqual(fixture.results[result])
  })
})
