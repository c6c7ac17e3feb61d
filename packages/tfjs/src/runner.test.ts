import { BertConfig, tensor, ViTConfig, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { initializeModel } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { startBackend } from './backend'
import { type Engine, TfjsEngine } from './engine'
import { TfjsRunner } from './runner'
import type { KeptWeights } from './weights'

const size = { hiddenSize: 24, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 32 }
const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
  new ViTConfig({ ...size, imageSize: 24, patchSize: 6 }),
  new BertConfig({ ...size, vocabSize: 100 }),
  { projectionDim: 16 },
)
const ones = (dims: number[]) => tensor(new BigInt64Array(dims[0]! * dims[1]!).fill(1n), dims)
const names = ['inputIds', 'tokenTypeIds', 'positionIds', 'attentionMask']
const batchOf = (dims: number[]) => ({ inputs: Object.fromEntries(names.map((name) => [name, ones(dims)])) })
const batch = batchOf([2, 3])

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  it.each(['text_model.encoder.layer.0.output.dense.weight', 'text_projection.weight'])(
    'a run that fails for want of %s leaves no tensor of its own',
    async (name) => {
      await startBackend({ backend })
      const { text, weights } = await initializeModel(config, 0)
      const before = tf.memory().numTensors
      const lacking = new Map([...weights].filter(([key]) => key !== name))
      const runner = new TfjsRunner(text, lacking, new TfjsEngine({ backend }))
      const fails = () => expect(runner.run(batch, { embeds: true })).rejects.toMatchObject({ code: 'no-weight' })
      await fails()
      const held = tf.memory().numTensors
      await fails()
      expect(tf.memory().numTensors).toBe(held)
      await runner.dispose()
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  it('holds each weight once', async () => {
    await startBackend({ backend })
    const { text, weights } = await initializeModel(config, 0)
    const runner = new TfjsRunner(text, weights, new TfjsEngine({ backend }))
    const before = tf.memory().numBytes
    await runner.run(batch, { embeds: true, lastHiddenState: true })
    const wanted = [...weights.values()]
      .filter((entry) => entry.name.startsWith('text_'))
      .reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0)
    expect(tf.memory().numBytes - before).toBe(wanted)
    await runner.dispose()
    expect(tf.memory().numBytes).toBe(before)
  })

  it.each(['text', 'vision'] as const)('needs no more memory for eight layers of %s than for three', async (kind) => {
    await startBackend({ backend })
    const pixelValues = tensor(new Float32Array(8 * 3 * 24 * 24), [8, 3, 24, 24])
    const given = kind === 'text' ? batchOf([8, 40]) : { inputs: { pixelValues }, imageSize: [24, 24] as const }
    const peak = async (numHiddenLayers: number): Promise<number> => {
      const model = await initializeModel(config.with({ [kind]: { numHiddenLayers } }), 0)
      const runner = new TfjsRunner(model[kind], model.weights, new TfjsEngine({ backend }))
      const run = () => runner.run(given, { lastHiddenState: true, poolerOutput: true })
      await run()
      const held = tf.memory().numBytes
      const { peakBytes } = await tf.profile(async () => void (await run()))
      await runner.dispose()
      return peakBytes - held
    }
    const [three, eight] = [await peak(3), await peak(8)]
    expect(three).toBeGreaterThan(0)
    expect(eight).toBe(three)
  })
})

it('a run that spoils its weights leaves those alone that another load has put in their place', async () => {
  const { text, weights } = await initializeModel(config, 0)
  const disposed: number[] = []
  let [backend, loads, fails] = ['first', 0, true]
  const engine = {
    start: () => Promise.resolve(backend),
    load() {
      const load = ++loads
      return Promise.resolve({ dispose: () => disposed.push(load) } as unknown as KeptWeights)
    },
    run: () => (fails ? Promise.reject(new Error('spoilt')) : Promise.resolve({})),
    spoilsWeights() {
      // Another call finds the engine elsewhere, before the failed one has looked whose weights are held.
      backend = 'second'
      void runner.load()
      return true
    },
  }
  const runner: TfjsRunner = new TfjsRunner(text, weights, engine as unknown as Engine)
  await expect(runner.run(batch, { embeds: true })).rejects.toThrow('spoilt')
  fails = false
  await runner.run(batch, { embeds: true })
  expect({ loads, second: disposed.includes(2) }).toEqual({ loads: 2, second: false })
  await runner.dispose()
  expect(disposed).toContain(2)
})
