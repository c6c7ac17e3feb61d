import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/webgpu'

const folder = new URL('/model/', location.href).href

globalThis.classify = async ({ images, labels }, options) => {
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
  const model = await VisionTextDualEncoderModel.fromPretrained(folder, options)
  await model.warmUp({ images: images.length, texts: labels.length, length: 8 })
  const { logitsPerImage } = await model.forward(await processor({ text: labels, images }))
  const result = { adapter: model.adapterInfo.vendor, logits: [...logitsPerImage.data] }
  await model.dispose()
  return result
}

/** A picture by the exact path, and by each of the fast ones. */
globalThis.frames = async ({ images: [image] }) => {
  const { imageProcessor } = await VisionTextDualEncoderProcessor.fromPretrained(folder)
  await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
  const exact = await model.getImageFeatures(await imageProcessor(image), { normalize: true })
  const blob = await (await fetch(image)).blob()
  const bitmap = await createImageBitmap(blob)
  const { width, height } = bitmap
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')
  context.drawImage(bitmap, 0, 0)
  const sources = {
    ImageBitmap: bitmap,
    OffscreenCanvas: canvas,
    ImageData: context.getImageData(0, 0, width, height),
    VideoFrame: new VideoFrame(bitmap, { timestamp: 0 }),
    HTMLVideoElement: await playing(canvas),
  }
  const cosines = {}
  for (const [name, source] of Object.entries(sources)) {
    const { data } = await model.getFrameFeatures(source, imageProcessor, { normalize: true })
    cosines[name] = data.reduce((sum, value, i) => sum + value * exact.data[i], 0)
  }
  const { dims } = await model.getFrameFeatures([bitmap, canvas], imageProcessor)
  return { cosines, dims }
}

/** A video that shows a canvas. */
async function playing(canvas) {
  const shown = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height })
  const context = shown.getContext('2d')
  const video = Object.assign(document.createElement('video'), { muted: true, srcObject: shown.captureStream() })
  document.body.append(video)
  const drawing = setInterval(() => context.drawImage(canvas, 0, 0), 30)
  await video.play()
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve))
  clearInterval(drawing)
  return video
}

/** The code and message of what happens without WebGPU. */
globalThis.withoutWebGpu = async () => {
  const model = await VisionTextDualEncoderModel.fromPretrained(folder)
  return model.ready().then(
    () => 'ready',
    ({ code, message }) => `${code}: ${message}`,
  )
}
