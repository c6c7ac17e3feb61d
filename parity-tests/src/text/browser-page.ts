import { Tokenizer } from '@dual-encoder/core'

import { type Pools, strings } from './strings'
import { checkTokenizer, type TokenizersFixture } from './tokenizers'

const json = async (url: string): Promise<unknown> => (await fetch(url)).json()

/** What differs from transformers. `fixtures` is the folder's URL; CamemBERT shares XLM-R's SentencePiece file. */
async function checkFamily(fixtures: string, name: string): Promise<string[]> {
  const tokenizer = await Tokenizer.fromPretrained({
    async read(file) {
      const folder = name === 'camembert' && file.endsWith('.model') ? 'xlm-roberta' : name
      const response = await fetch(`${fixtures}/${folder}/${file}`)
      return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined
    },
  })
  const texts = strings((await json(`${fixtures}/strings.json`)) as Pools)
  return checkTokenizer(name, tokenizer, texts, (await json(`${fixtures}/tokenizers.json`)) as TokenizersFixture)
}

const checks = { checkFamily }
export type Checks = typeof checks
Object.assign(globalThis, { checks })
