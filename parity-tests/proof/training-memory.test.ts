import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { tensor, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { type Sample, Trainer } from '@dual-encoder/train'
import { expect, it } from 'vitest'
import { record } from './record'

const STEPS = 2000
// What is garbage already says nothing of what a step leaves.
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024

it(`${STEPS} steps leave memory flat`, async () => {
  const small = { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64 }
  const config = VisionTextDualEncoderConfig.fromJSON({
    vision_config: { model_type: 'vit', ...small, image_size: 16, patch_size: 8 },
    text_config: { model_type: 'bert', ...small, vocab_size: 100, max_position_embeddings: 16 },
    projection_dim: 16,
  })
  const model = await VisionTextDualEncoderModel.fromConfig(config, { seed: 32 })
  const data = Array.from({ length: 64 }, (_, n): Sample => ({
    image: { data: new Uint8Array(16 * 16 * 3).fill(n * 3), width: 16, height: 16, channels: 3 },
    text: `text ${n}`,
  }))
  const trainer = new Trainer({
    model,
    processor: (inputs) =>
      Promise.resolve(
        'images' in inputs
          ? {
              pixelValues: tensor(
                Float32Array.from(
                  inputs.images.flatMap((image) => [...image.data]),
                  (x) => x / 255,
                ),
                [inputs.images.length, 3, 16, 16],
              ),
            }
          : {
              inputIds: tensor(
                BigInt64Array.from(
                  inputs.text.flatMap((text) => [1, Number(text.slice(5)) + 10, 2, 0]),
                  BigInt,
                ),
                [inputs.text.length, 4],
              ),
            },
      ),
    data,
    batchSize: 16,
    steps: STEPS,
    optimizer: { name: 'adamw', lr: 1e-3 },
    positives: 'diagonal',
  })
  const seen: number[] = []
  await trainer.run({
    onStep: ({ step }) => {
      if (step % 100 === 0) {
        collectGarbage()
        seen.push(Math.round(resident()))
      }
    },
  })
  await model.dispose()
  const [early, late] = [seen.slice(4, 8), seen.slice(-4)].map((values) => Math.min(...values)) as [number, number]
  await record('training-memory', { what: 'resident memory in MB, every 100 steps of training', steps: STEPS, seen })
  expect(late - early).toBeLessThan(30)
})
