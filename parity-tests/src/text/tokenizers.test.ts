import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { Tokenizer } from '@dual-encoder/core'
import { beforeAll, describe, expect, it } from 'vitest'

import { type Pools, strings } from './strings'
import { checkTokenizer, type TokenizersFixture } from './tokenizers'

const FIXTURES = fileURLToPath(new URL('../../fixtures/text', import.meta.url))
const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(`${FIXTURES}/${name}`, 'utf8'))

/** A family's folder; CamemBERT shares XLM-R's SentencePiece file. */
export const load = (name: string): Promise<Tokenizer> =>
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
})
