import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { DualEncoderError, type FileReader, Tokenizer } from '@dual-encoder/core'
import { beforeAll, describe, expect, it } from 'vitest'

import { generator, mutated } from '../images/mutate'
import { savedJson } from './tokenizers'

const FIXTURES = fileURLToPath(new URL('../../fixtures/text', import.meta.url))
const FAMILIES = ['bert', 'roberta', 'clip', 'xlm-roberta']
const LIMIT_MS = 5000
const VALUES: unknown[] = [
  null, -1, 0, 0.5, 1e9, '', 'x', '[', '(?', '\\p{L}', [], [1], [[]], {}, true, 'Sequence', 'BPE', 'Unigram',
  'ByteLevel', '__proto__', { String: '' }, { Regex: '(a|a)*$' }, { type: 'Metaspace' },
] // prettier-ignore

/** Replaces, removes or doubles a few values, wherever they stand. */
function mutatedJson(json: object, random: (limit: number) => number): object {
  const copy = structuredClone(json)
  for (let i = 0; i <= random(3); i++) {
    let at = copy as Record<string, unknown>
    for (let depth = random(6); depth > 0; depth--) {
      const inner = Object.values(at).filter((value) => typeof value === 'object' && value !== null)
      if (inner.length === 0) break
      at = inner[random(inner.length)] as Record<string, unknown>
    }
    const keys = Object.keys(at)
    const key = keys[random(keys.length)] ?? 'type'
    if (random(4) === 0) Reflect.deleteProperty(at, key)
    else at[key] = structuredClone(VALUES[random(VALUES.length)])
  }
  return JSON.parse(JSON.stringify(copy)) as object
}

/** What is neither a result nor a typed error, or takes too long. */
async function fuzz(count: number, run: (index: number) => unknown): Promise<{ failures: string[]; done: number }> {
  const failures: string[] = []
  let done = 0
  for (let index = 0; index < count; index++) {
    const start = performance.now()
    try {
      await run(index)
      done++
    } catch (error) {
      if (!(error instanceof DualEncoderError)) failures.push(`${index}: ${(error as Error).stack}`)
    }
    if (performance.now() - start > LIMIT_MS) failures.push(`${index}: more than ${LIMIT_MS} ms`)
  }
  return { failures, done }
}

describe('damaged tokenizer files', () => {
  let jsons: object[]
  const texts = ['a photo of a cat', 'GROẞ naïve 😀 東京 </s> [MASK]', 'x'.repeat(200)]

  beforeAll(async () => {
    jsons = await Promise.all(FAMILIES.map((name) => savedJson(`${FIXTURES}/${name}`)))
  })

  it('gives ids or a typed error for 2,000 mutated tokenizer.json', { timeout: 120_000 }, async () => {
    const random = generator(5)
    const { failures, done } = await fuzz(2000, (index) => {
      const tokenizer = mutatedJson(jsons[index % jsons.length]!, random)
      const tokenize = Tokenizer.fromFiles({ tokenizer, tokenizerConfig: { pad_token: '<pad>' } })
      const { inputIds } = tokenize(texts, { returnOffsetsMapping: true, truncation: true, maxLength: 16 })
      tokenize.batchDecode(inputIds)
    })
    expect(failures).toEqual([])
    expect(done).toBeGreaterThan(100)
    expect(done).toBeLessThan(1900)
  })

  it('gives ids or a typed error for 300 mutated files of slow tokenizers', { timeout: 120_000 }, async () => {
    const random = generator(6)
    const names = ['bert/vocab.txt', 'roberta/merges.txt', 'clip/vocab.json', 'xlm-roberta/sentencepiece.bpe.model']
    const { failures, done } = await fuzz(300, async (index) => {
      const [family, damaged] = names[index % names.length]!.split('/') as [string, string]
      const source: FileReader = {
        async read(file) {
          const bytes = await readFile(`${FIXTURES}/${family}/${file}`).catch(() => undefined)
          return bytes && (file === damaged ? mutated(new Uint8Array(bytes), random) : new Uint8Array(bytes))
        },
      }
      const tokenizer = await Tokenizer.fromPretrained(source)
      tokenizer(texts)
    })
    expect(failures).toEqual([])
    expect(done).toBeGreaterThan(15)
    expect(done).toBeLessThan(300)
  })
})
