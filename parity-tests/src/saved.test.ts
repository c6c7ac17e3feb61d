import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { convert, readSafetensors, type Tensor, writeSafetensors } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { casesIn } from './fixtures'

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

const SAVED = [
  'vit-bert',
  'deit-camembert',
  'beit-roberta',
  'beit-shared-bias',
  'clip-bert',
  'siglip-xlm-roberta',
  'chinese-clip-roberta',
  'dinov2-bert',
  'dinov2-swiglu',
  'dinov2-registers',
  'dinov3',
  'dinov3-gated',
  'mlcd',
  'aimv2',
  'old-names-bert',
  'old-names-clip',
  'config-defaults',
]
/** Towers that transformers 4.49 does not have. */
const SINCE_4_50 = /dinov3|mlcd|aimv2/
const towers = casesIn('towers').filter(({ name }) => SAVED.includes(name))
const originals = casesIn('originals')
const saves = towers.map(({ name, folder }) => ({ name: `saved-${name}`, folder, save: saveModel }))
const conversions = originals.map(({ name, folder }) => ({ name: `converted-${name}`, folder, save: convert }))

async function saveModel(folder: string, target: string): Promise<void> {
  await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
  await model.savePretrained(target)
}

let root: string
const written: Record<string, string> = {}
let record: Record<string, Checkpoint>
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dual-encoder-saved-'))
  for (const { name, folder, save } of [...saves, ...conversions]) {
    const target = join(root, name)
    await mkdir(target)
    await save(folder, target)
    const hash = createHash('sha256')
    for (const file of ['config.json', 'model.safetensors']) hash.update(await readFile(join(target, file)))
    written[name] = hash.digest('hex')
    await copyFile(join(folder, 'inputs.safetensors'), join(target, 'inputs.safetensors'))
    const logits = (await readSafetensors(join(folder, 'expected.safetensors'))).get('logits_per_image') as Tensor
    await writeFile(join(target, 'logits.safetensors'), writeSafetensors(new Map([['logits_per_image', logits]])))
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

describe.each([...saves, ...conversions])('$name', ({ name }) => {
  it('is what Python was given', () => {
    expect(written[name]).toBe(record[name]?.sha256)
  })

  const versions = ['5.24.0', ...(SINCE_4_50.test(name) ? [] : ['4.49.0'])]
  it.each(versions)('loads in transformers %s', (version) => {
    const loaded = record[name]?.loaded[version]
    expect(loaded?.keys).toEqual([])
    expect(loaded?.difference).toBeLessThanOrEqual(LIMIT)
  })
})
