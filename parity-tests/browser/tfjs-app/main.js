import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/tfjs'

/** What a user writes, with everything that a test wants to know. */
globalThis.classify = async ({ images, labels, ...options }) => {
  const folder = new URL('/model/', location.href).href
  const model = await VisionTextDualEncoderModel.fromPretrained(folder, options)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
  const inputs = await processor({ text: labels, images })
  const { logitsPerImage, imageEmbeds, textEmbeds } = await model.forward(inputs)
  const params = await model.params()
  const pairs = await processor({ text: labels.slice(0, images.length), images })
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
