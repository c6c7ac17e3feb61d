import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { convert, readSafetensors, writeSafetensors } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import { AutoModel, TextTower, VisionTower } from '@dual-encoder/onnx'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Case, casesIn, configOf } from './fixtures'

/*
 * What we write, Python loads. Pythons named by DUAL_ENCODER_PYTHONS (paths, separated as in PATH) load it here and now;
 * without them the record has to be of these very bytes: what Python made of them when they were recorded
 * (DUAL_ENCODER_RECORD=1).
 */
const RECORD = resolve(import.meta.dirname, '../fixtures/saved.json')
const SCRIPT = resolve(import.meta.dirname, '../../tools/reference/check_saved.py')
const PYTHONS = process.env.DUAL_ENCODER_PYTHONS?.split(delimiter) ?? []
const LIMIT = 2e-5

/** What one version of transformers made of a checkpoint. */
interface Loaded {
  readonly keys: readonly string[]
  readonly difference: number
}
interface Checkpoint {
  /** Of config.json and model.safetensors. */
  readonly sha256: string
  readonly loaded: Record<string, Loaded>
}

/** Cases beside the one for each tower: other names, other files. */
const MORE = [
  'vit-bert',
  'deit-camembert',
  'beit-roberta',
  'beit-shared-bias',
  'clip-bert',
  'dinov2-bert',
  'dinov2-swiglu',
  'dinov3',
  'dinov3-gated',
  'old-names-bert',
  'old-names-clip',
  'config-defaults',
  'distilbert',
  'modernbert',
  'modernbert-layers',
]
/** Towers that Python's dual encoder fails on: each is saved, and loaded, by itself. */
const ALONE =
  /^(efficientnet|ijepa|regnet|dinov3_convnext|hiera|convnext|convnextv2|resnet|data2vec-vision|vit_msn|vit_mae|distilbert|electra|deberta|deberta-v2|modernbert|nomic_bert|siglip_text_model)$/
/** What transformers 4.49 does not have, or hands what it does not take (CLIP's text tower, in a pair). */
const SINCE_4_50 = new Set([
  'dinov3_vit',
  'dinov3_convnext',
  'mlcd_vision_model',
  'aimv2_vision_model',
  'nomic_bert',
  'metaclip_2',
  'clip_text_model',
])
/** Cases with settings, or inputs, that 4.49 does not have. */
const SETTINGS_SINCE_4_50 = /^saved-(distilbert-mean|modernbert-layers|siglip-text-projected|family-siglip)/
/** Buffers that 4.49 looks for, and computes. */
const BUFFERS_OF_4_49 = /relative_position_index$/

interface Saved {
  readonly name: string
  readonly folder: string
  /** In inputs.safetensors and expected.safetensors: what Python is given, and what it is to give. */
  readonly inputs: RegExp
  readonly output: readonly [from: string, to: string]
  /** Since when Python has it. */
  readonly types: readonly string[]
  save(folder: string, target: string): Promise<void>
}

const typesOf = (folder: string): { vision: string; text: string; whole: string } => {
  const { vision_config: vision, text_config: text, ...rest } = configOf(folder)
  return { vision: vision.model_type, text: text.model_type, whole: (rest as { model_type?: string }).model_type ?? '' }
}

/** Whether something stands in for a pooler that Python's tower would have. */
const standsIn = ({ folder }: Case): boolean =>
  Object.values(configOf(folder)).some(
    ({ pooling, model_type }: { pooling?: string; model_type?: string }) => pooling && !ALONE.test(model_type!),
  )

/** The last case of each tower that is called without options; 4.49 fails on ALBERT's groups. */
function casesOfTowers(): Case[] {
  const all = casesIn('towers').filter(
    (each) =>
      !/^stored-|^sharded|^albert-groups/.test(each.name) &&
      Object.keys(each.forwardOptions).length === 0 &&
      !standsIn(each),
  )
  const last = new Map<string, Case>()
  for (const each of all) {
    const { vision, text } = typesOf(each.folder)
    last.set(vision, each).set(text, each)
  }
  return [...new Set([...all.filter(({ name }) => MORE.includes(name)), ...last.values()])]
}

const ALL_INPUTS = /./
const LOGITS = ['logits_per_image', 'logits_per_image'] as const

function savesOf({ name, folder }: Case): Saved[] {
  const { vision, text } = typesOf(folder)
  if (!ALONE.test(vision) && !ALONE.test(text))
    return [
      { name: `saved-${name}`, folder, inputs: ALL_INPUTS, output: LOGITS, types: [vision, text], save: saveModel },
    ]
  const alone = (kind: 'vision' | 'text', type: string, Tower: typeof VisionTower | typeof TextTower): Saved => ({
    name: `saved-${name}-${kind}`,
    folder,
    inputs: kind === 'vision' ? /^pixel_values$/ : /ids$|mask$/,
    output: [`${kind}_last_hidden_state`, 'last_hidden_state'],
    types: [type],
    async save(from, target) {
      await using tower = await Tower.fromPretrained(from, { onWarning: () => undefined })
      await tower.savePretrained(target)
    },
  })
  const sides = [alone('vision', vision, VisionTower), alone('text', text, TextTower)]
  return sides.filter(({ types: [type] }) => ALONE.test(type!))
}

const saves = casesOfTowers().flatMap(savesOf)
const families = casesIn('families').map(({ name, folder }): Saved => {
  const { whole } = typesOf(folder)
  return { name: `saved-family-${name}`, folder, inputs: ALL_INPUTS, output: LOGITS, types: [whole], save: saveModel }
})
const conversions = casesIn('originals').map(({ name, folder }): Saved => ({
  name: `converted-${name}`,
  folder,
  inputs: ALL_INPUTS,
  output: LOGITS,
  types: [],
  save: async (from, target) => void (await convert(from, target)),
}))
const checkpoints = [...saves, ...families, ...conversions]

async function saveModel(folder: string, target: string): Promise<void> {
  await using model = (await AutoModel.fromPretrained(folder)) as DualEncoderModel
  await model.savePretrained(target)
}

/** The tensors that `pick` names otherwise or leaves out (undefined), into a file. */
async function picked(from: string, to: string, pick: (name: string) => string | undefined): Promise<void> {
  const entries = [...(await readSafetensors(from))].flatMap(([name, value]) => {
    const other = pick(name)
    return other === undefined ? [] : [[other, value] as const]
  })
  await writeFile(to, writeSafetensors(new Map(entries)))
}

let root: string
const written: Record<string, string> = {}
let record: Record<string, Checkpoint>
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dual-encoder-saved-'))
  for (const { name, folder, save, inputs, output } of checkpoints) {
    const target = join(root, name)
    await mkdir(target)
    await save(folder, target)
    const hash = createHash('sha256')
    for (const file of ['config.json', 'model.safetensors']) hash.update(await readFile(join(target, file)))
    written[name] = hash.digest('hex')
    const file = 'inputs.safetensors'
    await picked(join(folder, file), join(target, file), (given) => (inputs.test(given) ? given : undefined))
    const expected = 'expected.safetensors'
    const [wanted, named] = output
    await picked(join(folder, expected), join(target, expected), (given) => (given === wanted ? named : undefined))
  }
  const pythons = await Promise.all(PYTHONS.map(loadWith))
  if (process.env.DUAL_ENCODER_RECORD) {
    const entries = Object.entries(written).map(([name, sha256]) => {
      const loaded = Object.fromEntries(pythons.map(({ version, results }) => [version, results[name]]))
      return [name, { sha256, loaded }] as const
    })
    await writeFile(RECORD, `${JSON.stringify(Object.fromEntries(entries), null, 1)}\n`)
  }
  record = JSON.parse(await readFile(RECORD, 'utf8')) as Record<string, Checkpoint>
  for (const { version, results } of pythons)
    for (const [name, loaded] of Object.entries(results))
      record[name] = { sha256: written[name]!, loaded: { ...record[name]?.loaded, [version]: loaded } }
}, 600_000)
afterAll(() => rm(root, { recursive: true, force: true }))

async function loadWith(python: string): Promise<{ version: string; results: Record<string, Loaded> }> {
  const { stdout } = await promisify(execFile)(python, [SCRIPT, root], { maxBuffer: 1 << 24 })
  const { versions, results } = JSON.parse(stdout) as {
    versions: { transformers: string }
    results: Record<string, Loaded>
  }
  return { version: versions.transformers, results }
}

describe.each(checkpoints)('$name', ({ name, types }) => {
  it('is what Python was given', () => {
    expect(written[name]).toBe(record[name]?.sha256)
  })

  const isNewer = types.some((type) => SINCE_4_50.has(type)) || SETTINGS_SINCE_4_50.test(name)
  const versions = ['5.24.0', ...(isNewer ? [] : ['4.49.0'])]
  it.each(versions)('loads in transformers %s', (version) => {
    const loaded = record[name]?.loaded[version]
    const keys = loaded?.keys.filter((key) => version !== '4.49.0' || !BUFFERS_OF_4_49.test(key))
    expect(keys).toEqual([])
    expect(loaded?.difference).toBeLessThanOrEqual(LIMIT)
  })
})
