// One side of onnx.mjs in a process of its own: `node onnx-child.mjs ours|low-memory|export <folder> <threads>`.
// Says { ms, memory } of the first image embedding, then { ms } for each line of JSON { side, batch, length }.
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import ort from 'onnxruntime-node'
import { answerLines, say } from './child.mjs'

const [kind, folder, threads] = process.argv.slice(2)

/** @param {number[]} dims */
function noise(dims) {
  let state = 1
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1
  return { dims, dtype: 'float32', data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, next) }
}

/** @param {number[]} dims @param {(index: number) => number} value */
const integers = (dims, value) => ({
  dims,
  dtype: 'int64',
  data: BigInt64Array.from({ length: dims[0] * dims[1] }, (_, index) => BigInt(value(index))),
})

/** @param {{ side: 'image' | 'text', batch: number, length?: number }} request */
function inputsOf({ side, batch, length = 0 }) {
  if (side === 'image') return { pixelValues: noise([batch, 3, 224, 224]) }
  const dims = [batch, length]
  return { inputIds: integers(dims, (index) => (index * 7919) % 30522), attentionMask: integers(dims, () => 1) }
}

async function ours() {
  const options = { threads: Number(threads), lowMemory: kind === 'low-memory' }
  const model = await VisionTextDualEncoderModel.fromPretrained(folder, options)
  return {
    image: (inputs) => model.getImageFeatures(inputs),
    text: (inputs) => model.getTextFeatures(inputs),
  }
}

function exported() {
  const options = { intraOpNumThreads: Number(threads), logSeverityLevel: 3 }
  const session = (name) => ort.InferenceSession.create(`${folder}/${name}.onnx`, options)
  const sessions = {}
  const tensorOf = ({ dtype, data, dims }) => new ort.Tensor(dtype, data, dims)
  return {
    image: async ({ pixelValues }) =>
      (await (sessions.image ??= session('vision'))).run({ pixel_values: tensorOf(pixelValues) }),
    text: async ({ inputIds, attentionMask }) =>
      (await (sessions.text ??= session('text'))).run({
        input_ids: tensorOf(inputIds),
        attention_mask: tensorOf(attentionMask),
      }),
  }
}

async function milliseconds(run) {
  const start = performance.now()
  await run()
  return performance.now() - start
}

const first = inputsOf({ side: 'image', batch: 1 })
let model
const ms = await milliseconds(async () => {
  model = await (kind === 'export' ? exported() : ours())
  await model.image(first)
})
say({ ms, memory: process.resourceUsage().maxRSS / 1024 })
await answerLines(async (request) => {
  const inputs = inputsOf(request)
  return { ms: await milliseconds(() => model[request.side](inputs)) }
})
