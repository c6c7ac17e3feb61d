import { BertConfig, type Tensor, tensor, ViTConfig, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import type { StepOptions, TrainingInputs, TrainingPlan, TrainingState, UpdateRule } from '@dual-encoder/core/training'
import * as tf from '@tensorflow/tfjs-core'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { VisionTextDualEncoderModel } from './index'
import { TreeWeights } from './weights'

const size = { hiddenSize: 16, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 32 }
const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
  new ViTConfig({ ...size, imageSize: 12, patchSize: 6, hiddenDropoutProb: 0.1 }),
  new BertConfig({ ...size, vocabSize: 50 }),
  { projectionDim: 8 },
)
const ROWS = 5
const inputs: TrainingInputs = {
  inputIds: tensor(
    BigInt64Array.from({ length: ROWS * 4 }, (_, i) => BigInt((7 * i) % 50)),
    [ROWS, 4],
  ),
  pixelValues: tensor(
    Float32Array.from({ length: ROWS * 3 * 144 }, (_, i) => Math.sin(i * i)),
    [ROWS, 3, 12, 12],
  ),
}

/** Steps by a velocity; a running mean that begins as the parameter. */
const rule: UpdateRule = {
  slots: ['velocity', 'average'],
  likeParams: ['average'],
  numbers: ['rate'],
  clip(ops, grads) {
    const squares = grads.map((grad) => {
      const all = ops.reshape(grad, [-1])
      return ops.sum(ops.mul(all, all), [0])
    })
    return { norm: ops.sqrt(squares.reduce((a, b) => ops.add(a, b))) }
  },
  update(ops, _name, { param, grad, state }, { rate }) {
    const half = ops.scalar(0.5)
    const velocity = ops.add(ops.mul(state.velocity!, half), grad)
    const next = ops.sub(param, ops.mul(velocity, rate!))
    return { param: next, state: { velocity, average: ops.mul(ops.add(state.average!, next), half) } }
  },
}

let model: VisionTextDualEncoderModel
beforeAll(async () => {
  model = await VisionTextDualEncoderModel.fromConfig(config, { seed: 1, backend: 'cpu' })
  await model.ready()
})
afterAll(() => model.dispose())

const planOf = (locked = /^$/, more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  trained: [...model.parameterShapes.keys()].filter((name) => !locked.test(name)),
  rule,
  ...more,
})
const options: StepOptions = { numbers: { rate: 0.002 }, dropoutSeed: 3 }

/** Two steps from the model's weights, and where they end. */
async function steps(plan: TrainingPlan, given: TrainingInputs, how: Partial<StepOptions> = {}) {
  const run = await model.train(plan)
  const results = [await run.step(given, { ...options, ...how }), await run.step(given, { ...options, ...how })]
  const state = await run.state()
  await run.dispose()
  return { results, state }
}

const apart = (a: Tensor<'float32'>, b: Tensor<'float32'>): number =>
  Math.max(...a.data.map((value, i) => Math.abs(value - b.data[i]!)))
const statesApart = ({ params }: TrainingState, other: TrainingState): number =>
  Math.max(...[...params].map(([name, value]) => apart(value, other.params.get(name)!)))

describe('a run', () => {
  it('learns, keeps no tensor from step to step, and none behind it', async () => {
    const before = tf.memory().numTensors
    const run = await model.train(planOf())
    const losses: number[] = []
    const counts: number[] = []
    for (let i = 0; i < 6; i++) {
      const chunkSize = i > 3 ? 2 : undefined
      losses.push((await run.step(inputs, { ...options, dropoutSeed: undefined, chunkSize })).loss)
      await run.embed('text', inputs, 'average')
      await run.restore(await run.state())
      counts.push(tf.memory().numTensors)
    }
    expect(new Set(counts).size).toBe(1)
    expect(losses.at(-1)).toBeLessThan(losses[0]!)
    await run.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('gives the same in chunks, with what is dropped, wrong texts, positives and weights', async () => {
    const more: TrainingInputs = {
      inputIds: tensor(
        BigInt64Array.from({ length: 2 * ROWS * 4 }, (_, i) => BigInt((3 * i) % 50)),
        [2 * ROWS, 4],
      ),
      pixelValues: inputs.pixelValues,
      hardNegatives: 1,
      weights: tensor(Float32Array.of(1, 2, 1, 0.5, 1), [ROWS]),
      positives: tensor(
        Float32Array.from({ length: ROWS * ROWS }, (_, i) => Number((i % ROWS) % 3 === Math.floor(i / ROWS) % 3)),
        [ROWS, ROWS],
      ),
    }
    const whole = await steps(planOf(), more)
    const chunked = await steps(planOf(), more, { chunkSize: 3 })
    expect(statesApart(whole.state, chunked.state)).toBeLessThan(1e-6)
    whole.results.forEach(({ loss, gradNorm }, i) => {
      expect(chunked.results[i]!.loss).toBeCloseTo(loss, 5)
      expect(chunked.results[i]!.gradNorm).toBeCloseTo(gradNorm, 5)
    })
    const plain = await steps(planOf(), { ...inputs, weights: more.weights })
    expect(Math.abs(plain.results[0]!.loss - whole.results[0]!.loss)).toBeGreaterThan(1e-3)
    expect(statesApart((await steps(planOf(), more, { dropoutSeed: 4 })).state, whole.state)).toBeGreaterThan(1e-5)
  })

  it('takes what locked parts give in place of their inputs', async () => {
    const both = async (plan: TrainingPlan, given: TrainingInputs) => {
      const [wanted, { state }] = [await steps(plan, inputs), await steps(plan, given)]
      expect(statesApart(wanted.state, (await steps(plan, inputs, { numbers: { rate: 0 } })).state)).toBeGreaterThan(
        0.02,
      )
      return statesApart(wanted.state, state)
    }
    const pooled = await model.outputBelow('vision', inputs, 'pooled')
    const { inputIds, pixelValues } = inputs
    expect(await both(planOf(/^vision_model/), { inputIds, imagePooled: pooled })).toBeLessThan(1e-5)
    const run = await model.train(planOf(/^(vision_model|visual_projection)/))
    const imageEmbeds = await run.embed('vision', inputs)
    await run.dispose()
    const textual = planOf(/^(vision_model|visual_projection)/)
    expect(await both(textual, { inputIds, imageEmbeds })).toBeLessThan(1e-5)
    const below = planOf(/\.(embeddings|encoder\.layers?\.0)\./)
    const imageEntering = { at: 1, hidden: await model.outputBelow('vision', inputs, 1) }
    const textEntering = { at: 1, hidden: await model.outputBelow('text', inputs, 1) }
    expect(await both(below, { inputIds, pixelValues, textEntering })).toBeLessThan(1e-5)
    const asked = vi.spyOn(TreeWeights.prototype, 'value')
    expect(await both(below, { inputIds, textEntering, imageEntering })).toBeLessThan(1e-5)
    const isBelow = (name: string) => /\.(embeddings|encoder\.layers?\.0)\./.test(name)
    const names = new Set(asked.mock.calls.map(([{ name }]) => name))
    expect([...names].filter(isBelow).length).toBeGreaterThan(20)
    asked.mockClear()
    await steps(below, { inputIds, textEntering, imageEntering })
    const above = new Set(asked.mock.calls.map(([{ name }]) => name))
    expect([...above].sort()).toEqual([...names].filter((name) => !isBelow(name)).sort())
    asked.mockRestore()
    // Nor are they read, before they are needed.
    const runAbove = await model.train(below)
    await runAbove.step({ inputIds, textEntering, imageEntering }, options)
    const { numTensors } = tf.memory()
    await runAbove.step(inputs, options)
    const locked = [...model.parameterShapes.keys()].filter((name) => isBelow(name))
    expect(tf.memory().numTensors - numTensors).toBe(locked.length)
    await runAbove.dispose()
  })

  it('computes layers again in less memory, with what is dropped, in chunks and above a cut too', async () => {
    const large = VisionTextDualEncoderConfig.fromVisionTextConfigs(
      new ViTConfig({ ...size, numHiddenLayers: 8, imageSize: 36, patchSize: 6, attentionProbsDropoutProb: 0.1 }),
      new BertConfig({ ...size, vocabSize: 50 }),
      { projectionDim: 8 },
    )
    const deep = await VisionTextDualEncoderModel.fromConfig(large, { seed: 1, backend: 'cpu' })
    const trained = [...deep.parameterShapes.keys()].filter(
      (name) => !/\.(embeddings|encoder\.layers?\.0)\./.test(name),
    )
    const pixelValues = tensor(
      Float32Array.from({ length: ROWS * 3 * 36 * 36 }, (_, i) => Math.sin(i * i)),
      [ROWS, 3, 36, 36],
    )
    const given = { inputIds: inputs.inputIds!, pixelValues }
    const entering = { at: 1, hidden: await deep.outputBelow('vision', given, 1) }
    const stepped = async (recompute: 'layers' | undefined, more: TrainingInputs, how: Partial<StepOptions> = {}) => {
      const run = await deep.train({ trained, rule, recompute })
      for (const kind of ['text', 'vision'] as const) await run.embed(kind, more)
      const before = tf.memory().numTensors
      const { peakBytes } = await tf.profile(async () => void (await run.step(more, { ...options, ...how })))
      expect(tf.memory().numTensors).toBe(before)
      const state = await run.state()
      await run.dispose()
      return { peakBytes, state }
    }
    for (const [more, how] of [
      [given, {}],
      [given, { chunkSize: 3 }],
      [{ inputIds: given.inputIds, imageEntering: entering }, {}],
    ] as const) {
      const [whole, again] = [await stepped(undefined, more, how), await stepped('layers', more, how)]
      expect(statesApart(whole.state, again.state)).toBe(0)
      expect(again.peakBytes).toBeLessThan(whole.peakBytes * 0.6)
    }
    await deep.dispose()
  })

  it('goes on from a state as if it had not stopped, and leaves the model as it is', async () => {
    const weights = await model.params()
    const first = await model.train(planOf())
    await first.step(inputs, options)
    const state = await first.state()
    await first.step(inputs, options)
    const second = await model.train(planOf())
    await second.restore(state)
    await second.step(inputs, options)
    expect(statesApart(await first.state(), await second.state())).toBe(0)
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-tfjs-training-'))
    await second.savePretrained(folder, 'average')
    const saved = await VisionTextDualEncoderModel.fromPretrained(folder, { backend: 'cpu' })
    const wanted = await second.embed('text', inputs, 'average')
    const { textEmbeds } = await saved.forward({ inputIds: inputs.inputIds!, pixelValues: inputs.pixelValues! })
    expect(apart(textEmbeds as Tensor<'float32'>, wanted)).toBeLessThan(1e-6)
    expect(apart(wanted, await second.embed('text', inputs))).toBeGreaterThan(1e-5)
    await rm(folder, { recursive: true })
    const after = await model.params()
    for (const [name, value] of Object.entries(weights))
      expect([...after[name]!.dataSync()]).toEqual([...value.dataSync()])
    tf.dispose([weights, after] as unknown as tf.TensorContainer)
    await Promise.all([first.dispose(), second.dispose(), saved.dispose()])
  })

  it('stays as it is where a step fails', async () => {
    const run = await model.train(planOf())
    await run.step(inputs, options)
    const before = await run.state()
    const { numTensors } = tf.memory()
    const short = { ...inputs, positives: tensor(new Float32Array(6), [2, 3]) }
    await expect(run.step(short, options)).rejects.toMatchObject({ code: 'engine-failed' })
    await expect(run.step({ inputIds: inputs.inputIds }, options)).rejects.toThrow()
    await expect(run.step(inputs, { ...options, signal: AbortSignal.abort() })).rejects.toThrow()
    expect(tf.memory().numTensors).toBe(numTensors)
    expect(statesApart(await run.state(), before)).toBe(0)
    await run.step(inputs, options)
    await run.dispose()
  })

  it('says what it cannot', async () => {
    const run = await model.train({ rule, trained: ['nothing.weight'] })
    await expect(run.step(inputs, options)).rejects.toMatchObject({ code: 'no-weight' })
    await run.dispose()
  })
})
