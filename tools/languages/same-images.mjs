import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { embedded } from '../pictures/embed.mjs'
import { readShards } from '../pictures/read.mjs'

/** @param {string} folder of a model @param {import('../pictures/read.mjs').Entry[]} pictures */
async function embeddingsOf(folder, pictures) {
  const model = await VisionTextDualEncoderModel.fromPretrained(folder)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
  const { data, dims } = await embedded(model, processor, pictures)
  await model.dispose()
  const width = dims[1] ?? 0
  return pictures.map((_, i) => Buffer.from(data.slice(i * width, (i + 1) * width).buffer))
}

/**
 * How many of the stamps are embedded as before: all of them, to the bit.
 * @param {string} before @param {string} after folders of models @throws Error naming the first that is not
 */
export async function sameImages(before, after) {
  const pictures = await readShards('stamps')
  const [old, now] = [await embeddingsOf(before, pictures), await embeddingsOf(after, pictures)]
  const other = pictures.find((_, i) => !old[i]?.equals(now[i] ?? Buffer.alloc(0)))
  if (other) throw new Error(`${other.key} is embedded otherwise than before, though the picture side is locked.`)
  return pictures.length
}
