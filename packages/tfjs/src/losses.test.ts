import '@tensorflow/tfjs-backend-cpu'
import '@tensorflow/tfjs-backend-wasm'
import { clipLossOfLogits, clipTrainingLoss, diagonal, logitsOf } from '@dual-encoder/core/training'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { registerGradients } from './gradients'
import { TfjsPrimitives } from './primitives'
import { TreeWeights } from './weights'

const ops = new TfjsPrimitives(new TreeWeights({}))
const [ROWS, SIZE, SCALE] = [8, 512, Math.fround(Math.log(1 / 0.07))]

/** Unit vectors that are `spread` apart around a common one: small, they are as a new model makes them. */
function embeds(spread: number, seed: number): Float32Array {
  const result = new Float32Array(ROWS * SIZE)
  for (let row = 0; row < ROWS; row++) {
    const vector = Array.from(
      { length: SIZE },
      (_, i) => Math.sin(i * 12.9898) + spread * Math.sin((seed * ROWS + row) * 78.233 + i * i * 0.731),
    )
    const length = Math.hypot(...vector)
    vector.forEach((value, i) => (result[row * SIZE + i] = value / length))
  }
  return result
}

/** The loss and its gradient by the scale, in float64. */
function wanted(text: Float32Array, image: Float32Array): { loss: number; gradient: number } {
  const similarity = Array.from({ length: ROWS }, (_, i) =>
    Array.from({ length: ROWS }, (_, j) =>
      text.subarray(i * SIZE, (i + 1) * SIZE).reduce((sum, value, k) => sum + value * image[j * SIZE + k]!, 0),
    ),
  )
  const [scale, sums] = [Math.exp(SCALE), { loss: 0, gradient: 0 }]
  for (let i = 0; i < ROWS; i++)
    for (const row of [similarity[i]!, similarity.map((values) => values[i]!)]) {
      const logits = row.map((value) => scale * (value - row[i]!))
      const total = logits.reduce((sum, value) => sum + Math.exp(value), 0)
      sums.loss += Math.log(total) / (2 * ROWS)
      sums.gradient += logits.reduce((sum, value) => sum + (Math.exp(value) / total) * value, 0) / (2 * ROWS)
    }
  return sums
}

beforeAll(() => {
  registerGradients()
  tf.env().set('IS_TEST', true) // no advertisement
})

describe.each(['cpu', 'wasm'])('the contrastive loss on %s', (backend) => {
  it.each([1, 0.05])('keeps its digits where embeddings are %d apart', async (spread) => {
    await tf.setBackend(backend)
    const [text, image] = [embeds(spread, 1), embeds(spread, 2)]
    const { loss, gradient } = wanted(text, image)
    tf.tidy(() => {
      const [x, y] = [tf.tensor2d(text, [ROWS, SIZE]), tf.tensor2d(image, [ROWS, SIZE])]
      const positives = ops.constant(diagonal(ROWS))
      const { value, grad } = tf.valueAndGrad((logitScale) =>
        clipTrainingLoss(ops, { textEmbeds: x, imageEmbeds: y, logitScale, positives }),
      )(tf.scalar(SCALE))
      expect(Math.abs(value.dataSync()[0]! - loss)).toBeLessThan(1e-6)
      expect(Math.abs(grad.dataSync()[0]! / gradient - 1)).toBeLessThan(2e-5)
      const ofLogits = clipLossOfLogits(ops, logitsOf(ops, x, y, tf.scalar(SCALE)), positives)
      expect(Math.abs(ofLogits.dataSync()[0]! - loss)).toBeLessThan(1e-5)
    })
  })
})
