// Our side of training.mjs: `node training-child.mjs <folder for caches> <threads>`, then a line of JSON for each request
// { kind: 'cached' | 'embeds', batch, steps }; answers { ms, cpu } for a step.
import { createInterface } from 'node:readline'
import { VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { Trainer } from '@dual-encoder/train'

const [folder, threads] = process.argv.slice(2)
const LENGTH = 16
/** Steps before those that count: the first makes the graph. */
const WARM = 3

const config = VisionTextDualEncoderConfig.fromJSON({
  vision_config: {
    model_type: 'vit',
    hidden_size: 192,
    num_hidden_layers: 2,
    num_attention_heads: 3,
    intermediate_size: 768,
    image_size: 32,
    patch_size: 16,
  },
  text_config: {
    model_type: 'bert',
    hidden_size: 384,
    num_hidden_layers: 6,
    num_attention_heads: 12,
    intermediate_size: 1536,
    vocab_size: 30522,
  },
  projection_dim: 384,
})
const model = await VisionTextDualEncoderModel.fromConfig(config, { seed: 1, threads: Number(threads) })

/** Texts are numbers: sixteen tokens that they decide. */
function processor(inputs) {
  if ('images' in inputs) {
    const { images } = inputs
    const values = Float32Array.from(
      images.flatMap(({ data }) => [...data.subarray(0, 32 * 32 * 3)]),
      (value) => value / 255,
    )
    return Promise.resolve({ pixelValues: { dims: [images.length, 3, 32, 32], dtype: 'float32', data: values } })
  }
  const dims = [inputs.text.length, LENGTH]
  const ids = inputs.text.flatMap((text) =>
    Array.from({ length: LENGTH }, (_, i) => BigInt((Number(text) * 7919 + i * 104729) % 30522)),
  )
  const int64 = (data) => ({ dims, dtype: 'int64', data })
  return Promise.resolve({
    inputIds: int64(BigInt64Array.from(ids)),
    attentionMask: int64(new BigInt64Array(ids.length).fill(1n)),
  })
}

const vectorOf = (n) => Float32Array.from({ length: 384 }, (_, i) => Math.sin(n * 12.9898 + i * 78.233))

async function time({ kind, batch, steps }) {
  const data = Array.from({ length: 2 * batch }, (_, n) => ({
    text: String(n),
    key: String(n),
    ...(kind === 'cached'
      ? { image: { data: new Uint8Array(32 * 32 * 3).fill(n), width: 32, height: 32, channels: 3 } }
      : { vector: vectorOf(n) }),
  }))
  const trainer = new Trainer({
    model,
    processor,
    data,
    batchSize: batch,
    steps: WARM + steps,
    positives: 'diagonal',
    rules: [
      ['vision_model\\..*', null],
      [/^visual_projection/, kind === 'cached' ? 1 : null],
      ['.*', 1],
    ],
    optimizer: { name: 'adamw', lr: 1e-4, weightDecay: 0.1 },
    progress: false,
    ...(kind === 'cached' && { cache: folder }),
  })
  let [start, cpu] = [0, 0]
  const used = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  await trainer.run({
    onStep: ({ step }) => {
      if (step === WARM) [start, cpu] = [performance.now(), used()]
      if (step === WARM + steps) [start, cpu] = [(performance.now() - start) / steps, (used() - cpu) / steps]
    },
  })
  return { ms: start, cpu }
}

for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await time(JSON.parse(line))))
