import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { Tokenizer } from '@dual-encoder/core'
import { Tokenizer as Rust } from 'tokenizers'
import { beforeAll, describe, expect, it } from 'vitest'

import { type Pools, strings } from './strings'
import { checkTokenizer, rowsOf, savedJson, type TokenizersFixture } from './tokenizers'

const FIXTURES = fileURLToPath(new URL('../../fixtures/text', import.meta.url))
const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(`${FIXTURES}/${name}`, 'utf8'))

/** A family's folder; CamemBERT shares XLM-R's SentencePiece file. */
const load = (name: string): Promise<Tokenizer> =>
  name !== 'camembert'
    ? Tokenizer.fromPretrained(`${FIXTURES}/${name}`)
    : Tokenizer.fromPretrained({
        read: (file) =>
          readFile(`${FIXTURES}/${file.endsWith('.model') ? 'xlm-roberta' : name}/${file}`).catch(() => undefined),
      })

describe('tokenizers', () => {
  let texts: string[]
  let fixture: TokenizersFixture

  beforeAll(async () => {
    texts = strings((await json('strings.json')) as Pools)
    fixture = (await json('tokenizers.json')) as TokenizersFixture
  })

  it.each(['bert', 'roberta', 'clip', 'xlm-roberta', 'camembert'])(
    '%s: ids, offsets, batches, errors and decoded text are those of transformers',
    { timeout: 120_000 },
    async (name) => {
      expect(checkTokenizer(name, await load(name), texts, fixture)).toEqual([])
    },
  )

  it.each(['bert', 'roberta', 'clip', 'xlm-roberta'])(
    '%s: the Rust library reads what savePretrained writes, and gives the same ids',
    async (name) => {
      const rust = Rust.fromString(JSON.stringify(await savedJson(`${FIXTURES}/${name}`)))
      const tokenizer = await load(name)
      for (const text of texts.slice(0, 1000)) {
        const encoding = await rust.encode(text)
        expect(rowsOf(tokenizer(text).inputIds)[0], text).toEqual(encoding.getIds())
      }
    },
  )

  it('a tokenizer that needs a segmenter from outside says so', async () => {
    const config = JSON.stringify({ tokenizer_class: 'BertJapaneseTokenizer', word_tokenizer_type: 'mecab' })
    const files: Record<string, string> = { 'tokenizer_config.json': config, 'vocab.txt': '[PAD]\n[UNK]\n' }
    const read = (name: string) => Promise.resolve(name in files ? new TextEncoder().encode(files[name]) : undefined)
    await expect(Tokenizer.fromPretrained({ read })).rejects.toMatchObject({ code: 'needs-segmenter' })
    await expect(Tokenizer.fromPretrained({ read: () => Promise.resolve(undefined) })).rejects.toMatchObject({
      code: 'tokenizer-not-found',
    })
  })
})
