import { cp, writeFile } from 'node:fs/promises'
import { readSafetensors, tensor, writeSafetensors } from '@dual-encoder/core'

/** @typedef {import('@dual-encoder/core').Tensor<'float32'>} Weight */

/**
 * Writes the model half way between two, which keeps most of what either knows (WiSE-FT).
 * @param {string} from folder of a model @param {string} to another, trained from it @param {string} target
 */
export async function halfWay(from, to, target) {
  const start = await readSafetensors(`${from}/model.safetensors`)
  const trained = await readSafetensors(`${to}/model.safetensors`)
  for (const [name, weight] of start) {
    if (weight.dtype !== 'float32') continue
    const { data, dims } = /** @type {Weight} */ (weight)
    const other = /** @type {Weight} */ (trained.get(name)).data
    // What is locked stays to the bit: the mean of two equal numbers is the number.
    start.set(
      name,
      tensor(
        data.map((value, i) => (value + (other[i] ?? 0)) / 2),
        dims,
      ),
    )
  }
  await cp(from, target, { recursive: true, filter: (name) => !name.endsWith('.safetensors') })
  await writeFile(`${target}/model.safetensors`, writeSafetensors(start, { format: 'pt' }))
}
