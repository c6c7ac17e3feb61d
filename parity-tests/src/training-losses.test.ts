import { resolve } from 'node:path'
import { readSafetensors, type Tensor, tensor } from '@dual-encoder/core'
import {
  clipLossOfLogits,
  distillationLoss,
  HostOps,
  type HostValue,
  logitsOf,
  matryoshkaLoss,
  Tape,
  type TrainingLoss,
  weightedLosses,
} from '@dual-encoder/core/training'
import { lossOf } from '@dual-encoder/train'
import { describe, expect, it } from 'vitest'
import { difference } from './compare'

const tensors = await readSafetensors(resolve(import.meta.dirname, '../fixtures/training-losses/losses.safetensors'))
const [SIZES, SIZE_WEIGHTS] = [
  [4, 10],
  [0.5, 1],
]
const LOSSES: Readonly<Record<string, TrainingLoss>> = {
  clip: lossOf('clip'),
  siglip: lossOf('siglip'),
  'matryoshka-clip': matryoshkaLoss(lossOf('clip'), SIZES, SIZE_WEIGHTS),
  'matryoshka-siglip': matryoshkaLoss(lossOf('siglip'), SIZES, SIZE_WEIGHTS),
  distillation: distillationLoss,
}
const INPUTS = {
  text_embeds: 'textEmbeds',
  image_embeds: 'imageEmbeds',
  logit_scale: 'logitScale',
  logit_bias: 'logitBias',
  positives: 'positives',
  weights: 'weights',
  hard_negatives: 'hardNegatives',
  teacher: 'teacher',
} as const
const ops = new HostOps(() => undefined)
const exact = ({ data, dims }: Tensor): HostValue => tensor(Float64Array.from(data as Float32Array), dims)

/** A case's inputs as variables of a tape, by Python's names. */
function variables(name: string, tape: Tape<HostValue>) {
  return Object.entries(INPUTS).flatMap(([key, camel]) => {
    const value = tensors.get(`${name}.${key}`)
    return value ? [{ key, camel, traced: tape.leaf(exact(value)) }] : []
  })
}
const cases = [...tensors.keys()].flatMap((key) => {
  const [name, loss, more] = key.split('.') as [string, string, string?]
  return more === undefined && loss in LOSSES ? [[name, loss] as const] : []
})

describe('losses of training', () => {
  it('have cases', () => expect(cases).toHaveLength(21))

  it.each(cases)("%s: %s and its gradients are PyTorch's", (name, loss) => {
    const tape = new Tape(ops)
    const leaves = variables(name, tape)
    const batch = Object.fromEntries(leaves.map(({ camel, traced }) => [camel, traced]))
    const value = LOSSES[loss]!(tape, batch as never)
    const wanted = tensors.get(`${name}.${loss}`)!
    // Both are float64's, the fixture rounded once.
    expect(difference(value.value, wanted).relative).toBeLessThan(1e-6)
    const found = tape.gradients(
      [[value, ops.scalar(1)]],
      leaves.map(({ traced }) => traced),
    )
    let compared = 0
    leaves.forEach(({ key }, i) => {
      const gradient = tensors.get(`${name}.${loss}.grad.${key}`)
      if (!gradient) return
      const { absolute, relative } = difference(found.leaves[i]!, gradient)
      expect(Math.min(absolute * 1e3, relative), key).toBeLessThan(2e-6)
      compared++
    })
    expect(compared).toBeGreaterThan(0)
  })

  it("on a diagonal are transformers' contrastive loss", () => {
    const tape = new Tape(ops)
    const batch = Object.fromEntries(variables('diagonal', tape).map(({ camel, traced }) => [camel, traced])) as never
    const { textEmbeds, imageEmbeds, logitScale, positives } = batch as Record<string, ReturnType<typeof tape.leaf>>
    const logits = logitsOf(tape, textEmbeds!, imageEmbeds!, logitScale!)
    const known = clipLossOfLogits(tape, logits, positives!)
    const [value] = LOSSES.clip!(tape, batch).value.data
    expect(value).toBeCloseTo(known.value.data[0]!, 10)
    const twice = weightedLosses([
      [LOSSES.clip!, 1.5],
      [LOSSES.clip!, 0.5],
    ])(tape, batch)
    expect(twice.value.data[0]).toBeCloseTo(2 * value!, 10)
  })

  it('say what they miss', () => {
    const tape = new Tape(ops)
    const batch = Object.fromEntries(variables('diagonal', tape).map(({ camel, traced }) => [camel, traced])) as never
    expect(() => distillationLoss(tape, batch)).toThrow(/no vectors of a teacher/)
    expect(() => matryoshkaLoss(LOSSES.clip!, [11])(tape, batch)).toThrow(/size 11 is more than the 10 values/)
    expect(() => matryoshkaLoss(LOSSES.clip!, [0])).toThrow(/positive integers/)
  })
})
