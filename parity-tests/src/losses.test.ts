import { resolve } from 'node:path'
import { clipLoss, readSafetensors, siglipLoss, type Tensor, tensor } from '@dual-encoder/core'
import { clipLossOfLogits, diagonal, logitsOf, siglipLossOfLogits } from '@dual-encoder/core/training'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { startBackend } from '../../packages/tfjs/src/backend'
import { TfjsPrimitives } from '../../packages/tfjs/src/primitives'
import { TreeWeights } from '../../packages/tfjs/src/weights'
import { difference } from './compare'

type Floats = Tensor<'float32'>
const FILE = resolve(import.meta.dirname, '../fixtures/losses/losses.safetensors')
const tensors = (await readSafetensors(FILE)) as ReadonlyMap<string, Floats>
const casesOf = (kind: string) => [
  ...new Set([...tensors.keys()].filter((key) => key.startsWith(`${kind}/`)).map((key) => key.split('/')[1] as string)),
]
const wanted = (key: string): number => tensors.get(key)?.data[0] ?? NaN

const ops = new TfjsPrimitives(new TreeWeights({}))
const LOSSES = { clip: clipLossOfLogits, siglip: siglipLossOfLogits }
const ofLogits = (loss: keyof typeof LOSSES, logits: tf.Tensor) =>
  LOSSES[loss](ops, logits, ops.constant(diagonal(logits.shape[0]!)))

/** Relative to the value where that is large: the loss of logits of 1e4 is of their size. */
const errorOf = (given: number, exact: number) => Math.abs(given - exact) / Math.max(1, Math.abs(exact))

describe.each(casesOf('logits'))('losses of %s logits', (name) => {
  const logits = tensors.get(`logits/${name}/logits`) as Floats
  it.each([
    ['clip', clipLoss],
    ['siglip', siglipLoss],
  ] as const)("are PyTorch's: %s", (loss, lossOf) => {
    expect(errorOf(lossOf(logits), wanted(`logits/${name}/${loss}.loss`))).toBeLessThan(1e-6)
  })
})

/** PyTorch's gradient of a loss through TensorFlow.js: largest difference over the largest value. */
function gradientErrors(caseName: string, loss: 'clip' | 'siglip', given: Record<string, tf.Tensor>): string[] {
  return Object.entries(given).flatMap(([key, gradient]) => {
    const exact = tensors.get(`${caseName}/${loss}.grad.${key}`) as Floats
    const { absolute, relative } = difference(tensor(gradient.dataSync<'float32'>(), exact.dims), exact)
    // A gradient that is zero, as where every pair is told apart, has no scale.
    return Math.min(relative, absolute) <= 2e-6 ? [] : [`${key}: ${relative.toExponential(2)}`]
  })
}

describe.each(['cpu', 'wasm'] as const)('gradients with tfjs on %s', (backend) => {
  beforeAll(() => startBackend({ backend }))
  const load = (key: string) => tf.tensor((tensors.get(key) as Floats).data, [...(tensors.get(key) as Floats).dims])

  describe.each(['clip', 'siglip'] as const)('%s', (loss) => {
    it.each(casesOf('logits'))('of %s logits', (name) => {
      const key = `logits/${name}`
      const { value, grad } = tf.valueAndGrad((x) => ofLogits(loss, x))(load(`${key}/logits`))
      expect(errorOf(value.dataSync()[0] as number, wanted(`${key}/${loss}.loss`))).toBeLessThan(1e-6)
      expect(gradientErrors(key, loss, { logits: grad })).toEqual([])
    })

    it.each(casesOf('embeds'))('of %s embeddings and the logit scale', (name) => {
      const key = `embeds/${name}`
      const inputs = ['text_embeds', 'image_embeds', 'logit_scale'] as const
      const { value, grads } = tf.valueAndGrads((text, image, scale) =>
        ofLogits(loss, logitsOf(ops, text!, image!, scale!)),
      )(inputs.map((input) => load(`${key}/${input}`)))
      expect(errorOf(value.dataSync()[0] as number, wanted(`${key}/${loss}.loss`))).toBeLessThan(1e-6)
      expect(gradientErrors(key, loss, Object.fromEntries(inputs.map((input, i) => [input, grads[i]!])))).toEqual([])
    })
  })
})
