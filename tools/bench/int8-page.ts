import { type OnnxOptions, VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { pictures, texts } from './inputs.mjs'

const models = new Map<string, VisionTextDualEncoderModel>()

/** Milliseconds from the address of a file to the first embeddings of a picture and a text. */
async function load(file: string, dtype: OnnxOptions['dtype'], threads: number): Promise<number> {
  await models.get(`${file} ${dtype}`)?.dispose()
  const start = performance.now()
  const url = new URL(`/${file}`, location.href).href
  const model = await VisionTextDualEncoderModel.fromPretrained(url, { dtype, threads, executionProviders: ['wasm'] })
  await model.getImageFeatures(pictures(1))
  await model.getTextFeatures(texts(1, 16))
  models.set(`${file} ${dtype}`, model)
  return performance.now() - start
}

/** Milliseconds of one call, `image 8` or `text 8x32`. */
async function time(file: string, dtype: string, name: string): Promise<number> {
  const model = models.get(`${file} ${dtype}`)!
  const [kind, size = ''] = name.split(' ')
  const [count = 1, length = 1] = size.split('x').map(Number)
  const start = performance.now()
  if (kind === 'image') await model.getImageFeatures(pictures(count))
  else await model.getTextFeatures(texts(count, length))
  return performance.now() - start
}

Object.assign(globalThis, { load, time })
