import { resolve } from 'node:path'
import {
  BertConfig,
  readSafetensors,
  type Tensor,
  tensor,
  ViTConfig,
  VisionTextDualEncoderConfig,
} from '@dual-encoder/core'
import { initializeModel, type WeightEntry } from '@dual-encoder/core/backend'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from './backends'
import { keepEngine } from './keep-engine'

const FILE = resolve(import.meta.dirname, '../fixtures/losses/activations.safetensors')
const { x, ...expected } = Object.fromEntries(await readSafetensors(FILE)) as Record<string, Tensor<'float32'>>
const grid = x!.data
const SMALL = { numHiddenLayers: 1, numAttentionHeads: 1, intermediateSize: 4 }

/** A ViT whose pooler has no weights but its bias, which is the grid: what it pools is the activation of the grid. */
async function modelWith(poolerAct: string) {
  const vision = new ViTConfig({ ...SMALL, hiddenSize: grid.length, imageSize: 2, patchSize: 2, poolerAct })
  const text = new BertConfig({ ...SMALL, hiddenSize: 4, vocabSize: 8, maxPositionEmbeddings: 4 })
  const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(vision, text, { projectionDim: 4 })
  const loaded = await initializeModel(config, 0)
  const weights = new Map(loaded.weights)
  const set = (name: string, value: Tensor) => {
    const entry = weights.get(name) as WeightEntry
    expect(entry.shape, name).toEqual(value.dims)
    weights.set(name, { ...entry, read: () => Promise.resolve(value) })
  }
  set('vision_model.pooler.dense.weight', tensor(new Float32Array(grid.length ** 2), [grid.length, grid.length]))
  set('vision_model.pooler.dense.bias', tensor(grid, [grid.length]))
  return { ...loaded, weights }
}

describe.each(BACKENDS)('$name', ({ Model }) => {
  keepEngine((folder) => Model.fromPretrained(folder))

  it.each(Object.keys(expected))("has PyTorch's %s over the whole grid", async (name) => {
    await using model = new Model(await modelWith(name))
    const output = await model.forward({
      pixelValues: tensor(new Float32Array(12), [1, 3, 2, 2]),
      inputIds: tensor([3n, 4n], [1, 2], 'int64'),
    })
    const given = output.visionModelOutput.poolerOutput.data as Float32Array
    const exact = expected[name]!.data
    expect(given.length).toBe(exact.length)
    const tooFar = [...exact].flatMap((value, i) => {
      const error = Math.abs(given[i]! - value) / Math.max(1, Math.abs(value))
      return error <= 1e-6 ? [] : [`${name}(${grid[i]}) is ${given[i]}, PyTorch has ${value}`]
    })
    expect(tooFar).toEqual([])
  })
})
