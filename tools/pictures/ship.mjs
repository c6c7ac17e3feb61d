// Puts a trained model into packages/model-pictures as int8:  node tools/pictures/ship.mjs MODEL_FOLDER [FLOAT32_FOLDER]
// FLOAT32_FOLDER gets the same values as float32, for Python without compressed-tensors.
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { convert } from '@dual-encoder/core'

const [, , trained, whole] = process.argv
if (!trained) throw new Error('Give the folder of a trained model.')
const target = fileURLToPath(new URL('../../packages/model-pictures/model', import.meta.url))
await rm(target, { recursive: true, force: true })
await convert(trained, target, { dtype: 'int8' })
if (whole) await convert(target, whole, { dtype: 'float32' })
