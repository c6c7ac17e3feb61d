// TensorFlow.js on wasm beside training.mjs: `node training-tfjs-child.mjs <threads> <work>`; loss and gradients of a batch.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/tfjs'
import { WORKS } from './training-works.mjs'

const [threads, name] = process.argv.slice(2)
const require = createRequire(createRequire(import.meta.url).resolve('@dual-encoder/tfjs'))
const tf = require('@tensorflow/tfjs-core')
const size = WORKS[name].vision_config.image_size
const options = { seed: 1, backend: 'wasm', threads: Number(threads) }
const model = await VisionTextDualEncoderModel.fromConfig(VisionTextDualEncoderConfig.fromJSON(WORKS[name]), options)
await model.ready()
const params = await model.params()

async function time({ batch, steps }) {
  const data = Float32Array.from({ length: batch * 3 * size * size }, (_, i) => Math.sin(i))
  const ids = BigInt64Array.from({ length: batch * 16 }, (_, i) => BigInt((i * 104729) % 30522))
  const inputs = {
    pixelValues: { dims: [batch, 3, size, size], dtype: 'float32', data },
    inputIds: { dims: [batch, 16], dtype: 'int64', data: ids },
  }
  const used = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  const step = async (dropoutSeed) => {
    const { value, grads } = model.valueAndGrads(params, inputs, { train: true, dropoutSeed })
    await value.data()
    tf.dispose([value, grads])
  }
  await step(0)
  const [start, cpu] = [performance.now(), used()]
  for (let i = 1; i <= steps; i++) await step(i)
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
  return { ms: (performance.now() - start) / steps, cpu: (used() - cpu) / steps, peak }
}

for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await time(JSON.parse(line))))
