import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Tensor, tensor } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstRows, inputsOf } from '../../../parity-tests/src/fixtures'
import { DropoutMasks } from './dropout'
import { type Params, toBf16, toFp16, toFp32, VisionTextDualEncoderModel } from './index'

const fixture = (name: string) => resolve(import.meta.dirname, '../../../parity-tests/fixtures/towers', name)

/** Three texts for three images. BEiT brings stochastic depth, RoBERTa dropout. */
async function pairsOf(folder: string) {
  const { pixelValues, inputIds, attentionMask } = await inputsOf(folder)
  return {
    pixelValues: firstRows(pixelValues, 3),
    inputIds: firstRows(inputIds, 3),
    attentionMask: firstRows(attentionMask, 3),
  }
}

const dispose = (container: unknown) => tf.dispose(container as tf.TensorContainer)
const values = (value: tf.Tensor): number[] => [...value.dataSync()]

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  let model: VisionTextDualEncoderModel
  let params: Params
  let inputs: Awaited<ReturnType<typeof pairsOf>>
  beforeAll(async () => {
    model = await VisionTextDualEncoderModel.fromPretrained(fixture('beit-roberta'), { backend })
    params = await model.params()
    inputs = await pairsOf(fixture('beit-roberta'))
  })
  afterAll(async () => {
    dispose(params)
    await model.dispose()
  })

  it('apply gives what forward gives', async () => {
    const output = await model.forward(inputs, { returnLoss: true, outputAttentions: true, outputHiddenStates: true })
    const given = model.apply(params, inputs, { returnLoss: true, outputAttentions: true, outputHiddenStates: true })
    const pairs: [tf.Tensor, Tensor][] = [
      [given.loss!, output.loss!],
      [given.logitsPerImage, output.logitsPerImage],
      [given.textEmbeds, output.textEmbeds],
      [given.visionModelOutput.lastHiddenState, output.visionModelOutput.lastHiddenState],
      [given.textModelOutput.attentions![1]!, output.textModelOutput.attentions![1]!],
      [given.visionModelOutput.hiddenStates![2]!, output.visionModelOutput.hiddenStates![2]!],
    ]
    for (const [tensors, host] of pairs) {
      expect(tensors.shape).toEqual(host.dims)
      values(tensors).forEach((value, i) => expect(value).toBeCloseTo(Number(host.data[i]), 4))
    }
    dispose(given)
  })

  it('apply is pure: the same for the same parameters, another for others', () => {
    const logits = (given: Params) => tf.tidy(() => values(model.apply(given, inputs).logitsPerImage))
    const before = logits(params)
    const scaled = { ...params, logit_scale: tf.add(params.logit_scale!, 1) }
    logits(scaled).forEach((value, i) => expect(value / before[i]!).toBeCloseTo(Math.E, 3))
    expect(logits(params)).toEqual(before)
    dispose(scaled.logit_scale)
  })

  it('train drops by its seed, the same in apply, valueAndGrads and forward', async () => {
    const logits = (dropoutSeed: number) =>
      tf.tidy(() => values(model.apply(params, inputs, { train: true, dropoutSeed }).logitsPerImage))
    const still = tf.tidy(() => values(model.apply(params, inputs).logitsPerImage))
    expect(logits(7)).toEqual(logits(7))
    expect(logits(7)).not.toEqual(logits(8))
    expect(logits(7)).not.toEqual(still)
    const { logitsPerImage, loss } = await model.forward(inputs, { training: true, dropoutSeed: 7, returnLoss: true })
    logits(7).forEach((value, i) => expect(Number(logitsPerImage.data[i])).toBeCloseTo(value, 4))
    const [again, other] = [
      await model.forward(inputs, { training: true }),
      await model.forward(inputs, { training: true }),
    ]
    expect(again.logitsPerImage.data).not.toEqual(other.logitsPerImage.data)
    const { value, grads } = model.valueAndGrads(params, inputs, { train: true, dropoutSeed: 7 })
    expect(values(value)[0]).toBeCloseTo(Number(loss!.data[0]), 5)
    dispose([value, grads])
  })

  it('train without a seed is an error: every step would drop the same', () => {
    const before = tf.memory().numTensors
    expect(() => model.apply(params, inputs, { train: true })).toThrow(/dropoutSeed/)
    expect(() => model.valueAndGrads(params, inputs, { train: true })).toThrow(/dropoutSeed/)
    expect(tf.memory().numTensors).toBe(before)
  })

  it('gradients reach every parameter while training too, and are finite', () => {
    const { value, grads } = model.valueAndGrads(params, inputs, { train: true, dropoutSeed: 3 })
    expect(Object.keys(grads).sort()).toEqual(Object.keys(params).sort())
    for (const [name, gradient] of Object.entries(grads)) {
      expect(gradient.shape, name).toEqual(params[name]!.shape)
      expect(values(gradient).every(Number.isFinite), name).toBe(true)
    }
    dispose([value, grads])
  })

  it('a mask asks for the gradients of some, the same as among all', () => {
    const all = model.valueAndGrads(params, inputs)
    const mask = (name: string) => name.includes('projection') || name === 'logit_scale'
    const some = model.valueAndGrads(params, inputs, { mask })
    const listed = model.valueAndGrads(params, inputs, { mask: { logit_scale: true, 'text_projection.weight': false } })
    expect(Object.keys(some.grads).filter((name) => !mask(name))).toEqual([])
    expect(Object.keys(some.grads)).toContain('visual_projection.weight')
    expect(Object.keys(listed.grads)).toEqual(['logit_scale'])
    for (const [name, gradient] of Object.entries(some.grads))
      expect(values(gradient)).toEqual(values(all.grads[name]!))
    expect(() => model.valueAndGrads(params, inputs, { mask: {} })).toThrow(
      expect.objectContaining({ code: 'empty-mask' }) as Error,
    )
    dispose([all, some, listed])
  })

  it('leaves no tensor behind but what it returns, failures included', () => {
    const before = tf.memory().numTensors
    const output = model.apply(params, inputs, { train: true, dropoutSeed: 1, returnLoss: true })
    const returned = tf.memory().numTensors - before
    expect(returned).toBe(9)
    dispose(output)
    const { value, grads } = model.valueAndGrads(params, inputs)
    expect(tf.memory().numTensors - before).toBe(1 + Object.keys(params).length)
    dispose([value, grads])
    const { logit_scale: _, ...lacking } = params
    const wrong = { ...params, 'text_projection.weight': params.logit_scale! }
    const few = { ...inputs, inputIds: tensor(new BigInt64Array([5n]), [1, 1]), attentionMask: undefined }
    expect(() => model.apply(lacking, inputs)).toThrow(/- logit_scale/)
    expect(() => model.valueAndGrads(wrong, inputs)).toThrow(/"text_projection.weight" is \[\]; \[32, 30\] is needed/)
    expect(() => model.valueAndGrads(params, few)).toThrow(expect.objectContaining({ code: 'batch-mismatch' }) as Error)
    expect(() => model.apply(params, inputs, { trian: true } as object)).toThrow(/"trian"/)
    const gone = { ...params, logit_scale: tf.scalar(1) }
    gone.logit_scale.dispose()
    expect(() => model.apply(gone, inputs)).toThrow(expect.objectContaining({ code: 'engine-failed' }) as Error)
    expect(() => model.valueAndGrads(gone, inputs)).toThrow(expect.objectContaining({ code: 'engine-failed' }) as Error)
    expect(tf.memory().numTensors).toBe(before)
  })

  it('initParams is fromConfig’s seed, and withParams makes a model of a tree', async () => {
    const [fresh, same, other] = [await model.initParams(5), await model.initParams(5), await model.initParams(6)]
    const name = 'visual_projection.weight'
    expect(values(fresh[name]!)).toEqual(values(same[name]!))
    expect(values(fresh[name]!)).not.toEqual(values(other[name]!))
    await using drawn = await VisionTextDualEncoderModel.fromConfig(model.config, { seed: 5, backend })
    await using made = await model.withParams(fresh)
    const wanted = (await drawn.forward(inputs)).logitsPerImage
    expect((await made.forward(inputs)).logitsPerImage).toEqual(wanted)
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-tfjs-'))
    await made.savePretrained(folder)
    await using loaded = await VisionTextDualEncoderModel.fromPretrained(folder, { backend })
    expect((await loaded.forward(inputs)).logitsPerImage).toEqual(wanted)
    await rm(folder, { recursive: true })
    dispose([fresh, same, other])
  })

  it('half precision rounds the values of a tree, and only those in the mask', async () => {
    const tree = { a: tf.tensor1d([1.0001, Math.PI, -3e-8]), b: tf.tensor1d([1.0001]) }
    const onlyA = (name: string) => name === 'a'
    const [bf16, fp16, back] = [await toBf16(tree, onlyA), await toFp16(tree), await toFp32(tree)]
    expect(values(bf16.a!)).toEqual([1, 3.140625, Math.fround(-3.0035153031349182e-8)])
    expect(values(bf16.b!)).toEqual([Math.fround(1.0001)])
    expect(values(fp16.a!)).toEqual([1, 3.140625, -5.960464477539063e-8])
    expect(values(fp16.b!)).toEqual([1])
    expect(values(back.a!)).toEqual(values(tree.a))
    dispose([bf16, fp16, back])
    expect(values(tree.a)).toHaveLength(3)
    dispose(tree)
  })
})

describe('dropout masks', () => {
  const drawn = (seed: number, encoder: 'vision' | 'text', rate: number) =>
    tf.tidy(() => values(new DropoutMasks(seed, encoder).next([100, 100], rate)))

  it.each([0.1, 0.5, 0.9])('drop a share of %f and keep the mean', (rate) => {
    const mask = drawn(1, 'text', rate)
    const dropped = mask.filter((value) => value === 0).length / mask.length
    expect(Math.abs(dropped - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / mask.length))
    expect(new Set(mask)).toEqual(new Set([0, Math.fround(1 / (1 - rate))]))
  })

  it('are of their seed, encoder and place', () => {
    const first = drawn(1, 'text', 0.5)
    expect(first).toEqual(drawn(1, 'text', 0.5))
    const masks = new DropoutMasks(1, 'text')
    const others = [
      drawn(2, 'text', 0.5),
      drawn(1, 'vision', 0.5),
      values(masks.next([100, 100], 0.5)) && values(masks.next([100, 100], 0.5)),
    ]
    for (const other of others) {
      const agree = other.filter((value, i) => value === first[i]).length / other.length
      expect(Math.abs(agree - 0.5)).toBeLessThan(0.02)
    }
  })

  it('drop everything at rate 1', () => expect(new Set(drawn(1, 'text', 1))).toEqual(new Set([0])))
})

it('apply says that the backend has to be started', async () => {
  const model = await VisionTextDualEncoderModel.fromPretrained(fixture('vit-bert'), { backend: 'cpu' })
  const inputs = await pairsOf(fixture('vit-bert'))
  expect(() => model.apply({}, inputs)).toThrow(/await model.ready\(\)/)
  await model.dispose()
})
