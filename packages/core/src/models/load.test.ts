import { mkdtemp, readFile, writeFile, cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openWeights } from '../weights/open'
import { saveModel } from './save'
import { openSource } from '../files/source'
import type { ByteRange, SourceLike } from '../files/types'
import { readSafetensors } from '../weights/safetensors/read'
import { writeSafetensors } from '../weights/safetensors/write'
import {
  type CheckpointOptions,
  initializeModel,
  joinTowers,
  loadModel as loadModelAs,
  loadTower,
  modelParams,
} from './load'
import { type ConfigOverrides, VisionTextDualEncoderConfig } from './dual-encoder-config'
import { ViTConfig } from '../towers/vision/vit.config'
import { BertConfig } from '../towers/text/bert.config'

const EMOJI = fileURLToPath(new URL('../../../../parity-tests/models/emoji-vit-bert', import.meta.url))
const small = { hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 16 }
const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
  new ViTConfig({ ...small, imageSize: 8, patchSize: 4 }),
  new BertConfig({ ...small, vocabSize: 20, maxPositionEmbeddings: 12 }),
  { projectionDim: 4 },
)
const loadModel = (source: SourceLike, options: CheckpointOptions & ConfigOverrides) =>
  loadModelAs(source, VisionTextDualEncoderConfig, options)
const folder = () => mkdtemp(join(tmpdir(), 'dual-encoder-'))

/** A copy of the small model with its weights changed. */
async function spoiled(change: (tensors: Awaited<ReturnType<typeof readSafetensors>>) => void): Promise<string> {
  const target = await folder()
  await saveModel(target, await initializeModel(config, 1), {})
  const tensors = await readSafetensors(join(target, 'model.safetensors'))
  change(tensors)
  await writeFile(join(target, 'model.safetensors'), writeSafetensors(tensors, { format: 'pt' }))
  return target
}

describe('loadModel', () => {
  it('stops at a number of layers that no memory holds', async () => {
    const target = await spoiled(() => undefined)
    const file = join(target, 'config.json')
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replaceAll('"num_hidden_layers": 1,', '"num_hidden_layers": 1000000000,'))
    await expect(loadModel(target, {})).rejects.toMatchObject({ code: 'bad-config-value' })
  })

  const reason = new Error('no longer wanted')
  const reader = (onRead: () => void) => ({
    read: async (name: string, range?: readonly [number, number]) => {
      onRead()
      return (await openSource(EMOJI)).read(name, range)
    },
  })

  it.each([
    ['a folder', EMOJI],
    ['a reader', reader(() => expect.unreachable('nothing is read'))],
  ])('ends with the reason of its signal, from %s', async (_, source) => {
    const signal = AbortSignal.abort(reason)
    await expect(loadModel(source, { signal })).rejects.toBe(reason)
    await expect(loadTower('vision', source, { signal })).rejects.toBe(reason)
  })

  it('ends with the reason of a signal that is aborted on the way', async () => {
    const controller = new AbortController()
    let reads = 0
    const source = reader(() => ++reads === 2 && controller.abort(reason))
    await expect(loadModel(source, { signal: controller.signal })).rejects.toBe(reason)
    expect(reads).toBe(2)
  })

  it('leaves its signal behind: what is read later is not ended by it', async () => {
    const controller = new AbortController()
    const asked: (AbortSignal | null | undefined)[] = []
    const fetch = async (url: URL, { signal }: RequestInit) => {
      asked.push(signal)
      const bytes = await (await openSource(EMOJI)).read(url.pathname.slice(1))
      return new Response(bytes as BodyInit | undefined, { status: bytes ? 200 : 404 })
    }
    const { weights } = await loadModel('http://localhost/', { fetch: fetch as never, signal: controller.signal })
    controller.abort(reason)
    expect((await weights.get('logit_scale')!.read()).dims).toEqual([])
    expect(asked.length).toBeGreaterThan(1)
    expect(asked.every((signal) => signal && !signal.aborted)).toBe(true)
  })

  it('finds every weight of a checkpoint that transformers wrote', async () => {
    const { config: loaded, weights } = await loadModel(EMOJI, {})
    expect(loaded.visionConfig).toBeInstanceOf(ViTConfig)
    expect(loaded.projectionDim).toBe(128)
    expect(weights.size).toBe((await openWeights(await openSource(EMOJI))).weights.size)
  })

  it.each([
    ['missing-weights', (t: Map<string, unknown>) => t.delete('text_model.encoder.layer.0.output.dense.bias')],
    ['unused-weights', (t: Map<string, unknown>) => t.set('vision_model.extra', t.get('visual_projection.weight'))],
    [
      'wrong-shape',
      (t: Map<string, unknown>) => t.set('text_projection.weight', t.get('text_model.pooler.dense.weight')),
    ],
    [
      'missing-pooler',
      (t: Map<string, unknown>) => [
        t.delete('text_model.pooler.dense.weight'),
        t.delete('text_model.pooler.dense.bias'),
      ],
    ],
  ])('refuses a checkpoint with %s', async (code, change) => {
    await expect(loadModel(await spoiled(change), {})).rejects.toMatchObject({ code })
  })

  it('stops when it is told to, and is not disturbed later', async () => {
    const stop = new AbortController()
    const { weights } = await loadModel(EMOJI, { signal: stop.signal })
    const reader = {
      async read(name: string, range: ByteRange = [0, Infinity]) {
        if (name === 'model.safetensors') stop.abort(new Error('enough'))
        return new Uint8Array(await readFile(join(EMOJI, name))).subarray(...range)
      },
    }
    await expect(loadModel(reader, { signal: stop.signal })).rejects.toThrow('enough')
    await expect(loadModel(EMOJI, { signal: stop.signal })).rejects.toThrow('enough')
    expect((await weights.get('logit_scale')?.read())?.dims).toEqual([])
  })

  it('takes a pooling option where the pooler is missing, and keeps it in the config', async () => {
    const source = await spoiled((t) => {
      t.delete('text_model.pooler.dense.weight')
      t.delete('text_model.pooler.dense.bias')
    })
    const { config: loaded } = await loadModel(source, { text: { pooling: 'mean' } })
    expect(VisionTextDualEncoderConfig.fromJSON(JSON.parse(JSON.stringify(loaded))).textConfig.pooling).toBe('mean')
  })

  it('knows the names of old checkpoints', async () => {
    const source = await spoiled((t) => {
      for (const [name, value] of [...t]) {
        const old = name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta')
        t.delete(name)
        t.set(old, value)
      }
      t.set('text_model.embeddings.position_ids', { dims: [1, 2], dtype: 'int64', data: new BigInt64Array(2) })
    })
    const { weights, config, ...encoders } = await loadModel(source, {})
    expect([...weights.keys()].sort()).toEqual([...modelParams(config, encoders).keys()].sort())
  })
})

describe('loadTower', () => {
  it('finds a tower below a dual encoder and names what it leaves aside', async () => {
    const warnings: string[] = []
    const tower = await loadTower('text', EMOJI, { onWarning: ({ code }) => warnings.push(code) })
    expect(tower.encoder.tower.modelType).toBe('bert')
    expect([...tower.weights.keys()].every((name) => name.startsWith('text_model.'))).toBe(true)
    expect(warnings).toEqual(['head-left-aside'])
  })
})

describe('a tower cut at load', () => {
  const whole = { ...small, numHiddenLayers: 3 }
  const deep = VisionTextDualEncoderConfig.fromVisionTextConfigs(
    new ViTConfig({ ...whole, imageSize: 8, patchSize: 4 }),
    new BertConfig({ ...whole, vocabSize: 20, maxPositionEmbeddings: 12 }),
    { projectionDim: 4 },
  )
  const saved = async () => {
    const target = await folder()
    await saveModel(target, await initializeModel(deep, 1), {})
    return target
  }
  const LAYER_2 = 'vision_model.encoder.layer.2.output.dense.bias'

  it('leaves the layers above aside and says so, alone and in a whole model', async () => {
    const source = await saved()
    const said: string[] = []
    const onWarning = ({ code, message }: { code: string; message: string }) => said.push(`${code}: ${message}`)
    const overrides = { numHiddenLayers: 2 }
    const tower = await loadTower('vision', source, { config: overrides, onWarning })
    expect(tower.weights.has(LAYER_2)).toBe(false)
    expect(tower.encoder.config).toMatchObject({ numHiddenLayers: 2 })
    const text = await loadTower('text', source, { onWarning })
    const joined = await joinTowers(await loadTower('vision', source, { onWarning }), text, {
      vision: overrides,
      onWarning,
    })
    const model = await loadModel(source, { vision: overrides, text: { numHiddenLayers: 1 }, onWarning })
    for (const { weights } of [joined, model]) expect(weights.has(LAYER_2)).toBe(false)
    const cuts = said.filter((line) => line.startsWith('layers-left-aside'))
    expect(cuts.map((line) => line.replace(/^.*: (?=\w+_model)/, ''))).toEqual([
      ...Array(3).fill(
        'vision_model.* is cut to 2 layers, as numHiddenLayers says; layers 2 to 2 (counted from 0) are left aside.',
      ),
      'text_model.* is cut to 1 layers, as numHiddenLayers says; layers 1 to 2 (counted from 0) are left aside.',
    ])
  })

  it('is still one whose other weights all have to fit, and whose config alone cuts nothing', async () => {
    const source = await saved()
    const config = JSON.parse(await readFile(`${source}/config.json`, 'utf8')) as { vision_config: object }
    const shorter = { ...config, vision_config: { ...config.vision_config, num_hidden_layers: 2 } }
    await expect(loadModel(source, { vision: { numHiddenLayers: 4 } })).rejects.toMatchObject({
      code: 'missing-weights',
    })
    await writeFile(`${source}/config.json`, JSON.stringify(shorter))
    await expect(loadModel(source, {})).rejects.toMatchObject({ code: 'unused-weights' })
  })
})

describe('saveModel', () => {
  it('writes what it read, over the folder it reads from', async () => {
    const target = await folder()
    await cp(EMOJI, target, { recursive: true })
    await saveModel(target, await loadModel(target, {}), {})
    const [before, after] = [
      await readSafetensors(`${EMOJI}/model.safetensors`),
      await readSafetensors(`${target}/model.safetensors`),
    ]
    expect(after).toEqual(before)
    const json = JSON.parse(await readFile(`${target}/config.json`, 'utf8')) as Record<string, unknown>
    expect(json).toMatchObject(JSON.parse(await readFile(`${EMOJI}/config.json`, 'utf8')) as object)
  })

  it('draws the same weights for the same seed, padding rows zero', async () => {
    const read = async (seed: number) =>
      (await (await initializeModel(config, seed)).weights.get('text_model.embeddings.word_embeddings.weight')?.read())
        ?.data
    expect(await read(3)).toEqual(await read(3))
    expect(await read(3)).not.toEqual(await read(4))
    expect([...((await read(3)) as Float32Array).slice(0, 8)]).toEqual(Array(8).fill(0))
  })
})
