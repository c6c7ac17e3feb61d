import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/tfjs'

const folder = new URL('/model/', location.href).href
let inputs, pairs

/** What a user writes, with everything that a test wants to know. */
globalThis.prepare = async ({ images, labels }) => {
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
  inputs = await processor({ text: labels, images })
  pairs = await processor({ text: labels.slice(0, images.length), images })
}

globalThis.classify = async (options) => {
  const model = await VisionTextDualEncoderModel.fromPretrained(folder, options)
  const { logitsPerImage, imageEmbeds, textEmbeds } = await model.forward(inputs)
  const params = await model.params()
  const { value, grads } = model.valueAndGrads(params, pairs)
  const { getThreadsCount } = await import('@tensorflow/tfjs-backend-wasm')
  const result = {
    backend: model.tfBackend,
    threads: model.tfBackend === 'wasm' ? getThreadsCount() : undefined,
    logits: [...logitsPerImage.data],
    embeds: [...imageEmbeds.data, ...textEmbeds.data],
    loss: (await value.data())[0],
    gradient: [...(await grads['visual_projection.weight'].data())],
  }
  for (const tensor of [value, ...Object.values(params), ...Object.values(grads)]) tensor.dispose()
  await model.dispose()
  return result
}
