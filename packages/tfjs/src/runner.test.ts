import { BertConfig, tensor, ViTConfig, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { initializeModel } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { startBackend } from './backend'
import { TfjsEngine } from './engine'
import { TfjsRunner } from './runner'

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

  it('needs for the way through all layers what one of them needs, beside the states between them', async () => {
    await startBackend({ backend })
    const [B, L, D] = [8, 40, size.hiddenSize]
    const tokens = batchOf([B, L])
    const between = async (numHiddenLayers: number): Promise<number> => {
      const deep = new BertConfig({ ...size, numHiddenLayers, vocabSize: 100 })
      const { text, weights } = await initializeModel(
        VisionTextDualEncoderConfig.fromVisionTextConfigs(config.visionConfig, deep),
        0,
      )
      const runner = new TfjsRunner(text, weights, new TfjsEngine({ backend }))
      await runner.run(tokens, { lastHiddenState: true })
      const held = tf.memory().numBytes
      const { peakBytes } = await tf.profile(async () => void (await runner.run(tokens, { lastHiddenState: true })))
      await runner.dispose()
      return peakBytes - held
    }
    const [two, eight] = [await between(2), await between(8)]
    expect(eight - two).toBe(6 * 4 * B * L * D)
  })
})
