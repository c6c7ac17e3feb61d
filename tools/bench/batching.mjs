// Many callers at once: 64 single calls with `batching` against the same pictures in batches of 16, on onnx; how far their
// answers are from serial ones, and how late a timer of the calling thread is (`worker: true` has the engine on another).
// DINOv2-small's size, random weights.
// `npm run build && node tools/bench/batching.mjs`; THREADS (2), ROUNDS (5) and CALLERS (64) are variables.
import { setTimeout } from 'node:timers/promises'
import { BertConfig, Dinov2Config, tensor, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { median } from './median.mjs'

const { THREADS = '2', ROUNDS = '5', CALLERS = '64' } = process.env
const callers = Number(CALLERS)
const BATCH = 16
/** Milliseconds between the ticks of the timer that a caller's own work stands for. */
const TICK = 5
const VALUES = 3 * 224 * 224

const vision = Dinov2Config.fromJSON({
  hidden_size: 384,
  num_hidden_layers: 12,
  num_attention_heads: 6,
  image_size: 224,
})
const text = BertConfig.fromJSON({
  hidden_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 64,
})
const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(vision, text)
const load = (/** @type {object} */ options) =>
  VisionTextDualEncoderModel.fromConfig(config, { seed: 1, threads: Number(THREADS), ...options })
const [plain, gathering] = [await load({}), await load({ batching: { maxBatch: BATCH }, worker: true })]

const pictures = (/** @type {number} */ first, /** @type {number} */ count) =>
  tensor(
    Float32Array.from({ length: count * VALUES }, (_, i) => Math.sin((first * VALUES + i) * 12.9898)),
    [count, 3, 224, 224],
  )
const single = Array.from({ length: callers }, (_, n) => pictures(n, 1))
const batches = Array.from({ length: Math.ceil(callers / BATCH) }, (_, n) =>
  pictures(n * BATCH, Math.min(BATCH, callers - n * BATCH)),
)
const together = () => Promise.all(single.map((pixelValues) => gathering.getImageFeatures({ pixelValues })))
const inBatches = async () => {
  for (const pixelValues of batches) await plain.getImageFeatures({ pixelValues })
}

// The first calls make sessions.
const answers = await together()
await inBatches()
let far = 0
for (const [n, pixelValues] of single.entries()) {
  const { data } = await plain.getImageFeatures({ pixelValues })
  const given = answers[n]?.data
  const length = Math.hypot(...data)
  data.forEach((value, i) => (far = Math.max(far, Math.abs(value - Number(given?.[i])) / length)))
}

/** @type {{ batches: number[], calls: number[] }} */
const times = { batches: [], calls: [] }
let latest = 0
for (let round = 0; round < Number(ROUNDS); round++) {
  await setTimeout(200)
  let start = performance.now()
  await inBatches()
  times.batches.push(performance.now() - start)
  await setTimeout(200)
  let last = performance.now()
  const timer = setInterval(() => {
    latest = Math.max(latest, performance.now() - last - TICK)
    last = performance.now()
  }, TICK)
  start = performance.now()
  await together()
  times.calls.push(performance.now() - start)
  clearInterval(timer)
}
const ratio = median(times.batches.map((time, i) => time / (times.calls[i] ?? NaN)))
console.log(
  `${callers} calls at once have ${ratio.toFixed(2)}x the throughput of batches of ${BATCH}: ${CALLERS} pictures in`,
)
console.log(
  `${median(times.calls).toFixed(0)} ms against ${median(times.batches).toFixed(0)} ms, medians of ${ROUNDS} rounds, ${THREADS} threads.`,
)
console.log(
  `Furthest from serial answers of length 1: ${far.toExponential(1)}. A timer was ${latest.toFixed(0)} ms late at most.`,
)
await Promise.all([plain.dispose(), gathering.dispose()])
