import { readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Tensor, tensor } from '../base/tensor'
import type { Warning } from '../base/warnings'
import { readSafetensors } from '../weights/safetensors/read'
import { writeSafetensors } from '../weights/safetensors/write'
import { AltCLIPConfig, VisionTextDualEncoderConfig } from './dual-encoder-config'
import { type CheckpointOptions, loadModel as loadModelAs, loadTower } from './load'

const FIXTURES = resolve(import.meta.dirname, '../../../../parity-tests/fixtures')
type Part = [name: string, start?: number, end?: number]
/** By case: names of transformers' `state_dict()`, and what they hold of the file. */
const names = JSON.parse(readFileSync(`${FIXTURES}/state-dicts/names.json`, 'utf8')) as Record<
  string,
  Record<string, Part>
>

const folderOf = (name: string) => `${FIXTURES}/${name === 'altclip' ? 'families' : 'towers'}/${name}`
const loadModel = (source: string, options: CheckpointOptions = {}) =>
  loadModelAs(source, VisionTextDualEncoderConfig, options)

const rows = ({ data, dims }: Tensor, start = 0, end = dims[0]): Tensor => {
  const width = data.length / (dims[0] as number)
  const part = (data as Float32Array).slice(start * width, (end as number) * width)
  return tensor(part, [(end as number) - start, ...dims.slice(1)])
}

/** A copy of a case with its weights changed. */
async function changed(name: string, change: (weights: Map<string, Tensor>) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
  await cp(folderOf(name), folder, { recursive: true })
  const weights = await readSafetensors(join(folder, 'model.safetensors'))
  change(weights)
  await writeFile(join(folder, 'model.safetensors'), writeSafetensors(weights, { format: 'pt' }))
  return folder
}

const asStateDict = (name: string) =>
  changed(name, (weights) => {
    const parts = Object.entries(names[name]!).map(([state, [from, start, end]]) => {
      const whole = weights.get(from) as Tensor
      return [state, from, start === undefined ? whole : rows(whole, start, end)] as const
    })
    for (const [, from] of parts) weights.delete(from)
    for (const [state, , value] of parts) weights.set(state, value)
  })

const valuesOf = async (weights: ReadonlyMap<string, { read(): Promise<Tensor> }>) =>
  Object.fromEntries(
    await Promise.all([...weights].sort().map(async ([name, entry]) => [name, await entry.read()] as const)),
  )

describe.each(Object.keys(names))('%s by the names of state_dict()', (name) => {
  it('holds the same weights', async () => {
    expect(Object.keys(names[name]!).length).toBeGreaterThan(10)
    const load = async (source: string) => {
      const model = name === 'altclip' ? loadModelAs(source, AltCLIPConfig, {}) : loadModel(source)
      return valuesOf((await model).weights)
    }
    const folder = await asStateDict(name)
    const expected = await load(folderOf(name))
    expect(await load(folder)).toEqual(expected)
    for (const kind of ['vision', 'text'] as const) {
      const tower = await valuesOf((await loadTower(kind, folder, { onWarning: () => undefined })).weights)
      const own = Object.entries(expected).filter(([key]) => key.startsWith(`${kind}_model.`))
      expect(tower).toEqual(Object.fromEntries(own))
    }
    await rm(folder, { recursive: true })
  })
})

it('names the half of a joined weight that is alone', async () => {
  const folder = await changed('dinov2-swiglu', (weights) => {
    const name = 'vision_model.encoder.layer.0.mlp.weights_in.bias'
    weights.set(name.replace('weights_in', 'gate_proj'), rows(weights.get(name) as Tensor, 0, 4))
    weights.delete(name)
  })
  await expect(loadModel(folder)).rejects.toThrow(
    /- vision_model\.encoder\.layer\.0\.mlp\.weights_in\.bias[^]*\+ .*gate_proj\.bias/,
  )
})

describe('weights beyond the model', () => {
  const withHead = () =>
    changed('vit-bert', (weights) => {
      weights.set('temperature', tensor([0.07], [1]))
      weights.set('vision_model.classifier.weight', tensor([1, 2], [2]))
    })

  it('are an error that says what leaves them aside', async () => {
    await expect(loadModel(await withHead())).rejects.toMatchObject({
      code: 'unused-weights',
      message: expect.stringMatching(/temperature[^]*unusedWeights: 'warn'/) as string,
    })
  })

  it('are left aside and named where the caller says so', async () => {
    const warnings: Warning[] = []
    const options = { unusedWeights: 'warn', onWarning: (warning: Warning) => warnings.push(warning) } as const
    const { weights } = await loadModel(await withHead(), options)
    expect(weights.has('temperature')).toBe(false)
    expect(warnings).toMatchObject([
      {
        code: 'unused-weights',
        names: expect.arrayContaining(['temperature', 'vision_model.classifier.weight']) as [],
      },
    ])
    const tower = await loadTower('vision', await withHead(), options)
    expect(tower.weights.has('vision_model.classifier.weight')).toBe(false)
  })

  it('do not hide what is missing', async () => {
    const folder = await changed('vit-bert', (weights) => {
      weights.set('text_model.other', weights.get('text_model.pooler.dense.bias') as Tensor)
      weights.delete('text_model.encoder.layer.0.output.dense.bias')
    })
    const options = { unusedWeights: 'warn', onWarning: () => undefined } as const
    await expect(loadModel(folder, options)).rejects.toMatchObject({ code: 'missing-weights' })
    await expect(loadModel(folder, { unusedWeights: 'ignore' as never })).rejects.toMatchObject({ code: 'bad-option' })
  })
})

it('sets buffers of old checkpoints aside', async () => {
  const folder = await changed('vit-bert', (weights) => {
    for (const name of ['position_ids', 'token_type_ids'])
      weights.set(`text_model.embeddings.${name}`, tensor(new BigInt64Array(4), [1, 4]))
  })
  expect((await loadModel(folder)).weights.size).toBe(82)
})

it('draws a logit scale that is not there as the config says, with a warning', async () => {
  const folder = await changed('vit-bert', (weights) => void weights.delete('logit_scale'))
  const warnings: Warning[] = []
  const { weights, config } = await loadModel(folder, { onWarning: (warning) => warnings.push(warning) })
  expect((await weights.get('logit_scale')!.read()).data[0]).toBe(Math.fround(config.logitScaleInitValue))
  expect(warnings).toMatchObject([{ code: 'new-weights', names: ['logit_scale'] }])
})
