// What a user writes: the same in a page and in a worker.
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'

export async function classify(folder, { images, labels, ...options }) {
  const model = await VisionTextDualEncoderModel.fromPretrained(folder, options)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
  const { logitsPerImage, imageEmbeds } = await model.forward(await processor({ text: labels, images }))
  return { logits: [...logitsPerImage.data], embeds: [...imageEmbeds.data], providers: model.providers }
}

export async function textFeatures(folder, { labels }) {
  const model = await VisionTextDualEncoderModel.fromPretrained(folder)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
  return { features: [...(await model.getTextFeatures(await processor({ text: labels }))).data] }
}
