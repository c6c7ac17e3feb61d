// Puts the model that the command line takes where none is named beside its build: `packages/cli/dist/model`.
import { cpSync } from 'node:fs'
import { root } from '../ci/run.mjs'

const FILES = [
  'config.json',
  'model.safetensors',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
]
for (const name of FILES)
  cpSync(`${root}/parity-tests/models/emoji-vit-bert/${name}`, `${root}/packages/cli/dist/model/${name}`)
