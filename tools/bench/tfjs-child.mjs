// One side of tfjs.mjs in a process of its own: `node tfjs-child.mjs ours|stock|plain <folder> <threads>`.
// `stock` runs our towers over TensorFlow.js's own kernels; `plain` also multiplies with weights as the checkpoint lays
// them out, `[out, in]`, as a straightforward port does.
// Says {} when it is ready, then { ms } for each line of JSON { side, batch, length }.
import { createRequire } from 'node:module'
import { VisionTextDualEncoderModel } from '@dual-encoder/tfjs'
import { answerLines, say } from './child.mjs'

const [kind, folder, threads] = process.argv.slice(2)
const require = createRequire(createRequire(import.meta.url).resolve('@dual-encoder/tfjs'))
const tf = require('@tensorflow/tfjs-core')
require('@tensorflow/tfjs-backend-wasm')
const own = tf.getKernel('BatchMatMul', 'wasm')

const model = await VisionTextDualEncoderModel.fromPretrained(folder, { backend: 'wasm', threads: Number(threads) })
await model.ready()
if (tf.getKernel('BatchMatMul', 'wasm') === own) throw new Error('The fast kernels are not installed.')
if (kind !== 'ours') {
  for (const name of ['BatchMatMul', 'DualEncoderGelu']) tf.unregisterKernel(name, 'wasm')
  tf.registerKernel(own)
}

const params = kind === 'plain' ? await model.params() : undefined

/** @param {number[]} dims @param {(index: number) => number} value */
const integers = (dims, value) => ({
  dims,
  dtype: 'int64',
  data: BigInt64Array.from({ length: dims[0] * dims[1] }, (_, index) => BigInt(value(index))),
})

/** @param {{ side: 'image' | 'text', batch: number, length?: number }} request */
function run({ side, batch, length = 0 }) {
  if (side === 'image') {
    const data = Float32Array.from({ length: batch * 3 * 224 * 224 }, (_, index) => Math.sin(index))
    const pixelValues = { dims: [batch, 3, 224, 224], dtype: 'float32', data }
    if (!params) return model.getImageFeatures({ pixelValues })
    // Both towers: the text is one token.
    const output = model.apply(params, { pixelValues, inputIds: integers([1, 1], () => 101) })
    return output.imageEmbeds.data()
  }
  const dims = [batch, length]
  return model.getTextFeatures({
    inputIds: integers(dims, (index) => (index * 7919) % 30522),
    attentionMask: integers(dims, () => 1),
  })
}

say({})
await answerLines(async (request) => {
  const start = performance.now()
  await run(request)
  return { ms: performance.now() - start }
})
