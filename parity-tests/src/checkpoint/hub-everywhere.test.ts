import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  AutoProcessor,
  convert,
  downloadModel,
  ImageProcessor,
  type SourceOptions,
  tensor,
  Tokenizer,
  VisionTextDualEncoderConfig,
  VisionTextDualEncoderProcessor,
  writeSafetensors,
} from '@dual-encoder/core'
import { AutoModel, TextTower, VisionTextDualEncoderModel, VisionTower } from '@dual-encoder/onnx'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FakeHub } from '../../../tools/hub/fake-hub'

const at = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))

async function filesOf(folder: string): Promise<Record<string, Buffer>> {
  const names = (await readdir(folder)).filter((name) => /\.(json|safetensors|model)$/.test(name))
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))])))
}

let hub: FakeHub
let home: string
let options: SourceOptions

beforeEach(async () => {
  hub = await FakeHub.start({ tokens: { secret: {} } })
  home = await mkdtemp(join(tmpdir(), 'dual-encoder-hub-'))
  // Whatever forgets an option asks here, where nobody answers, or without the token.
  vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9')
  vi.stubEnv('HF_HOME', join(home, 'elsewhere'))
  vi.stubEnv('HF_TOKEN', undefined)
  vi.stubEnv('HF_HUB_CACHE', undefined)
  await publish()
  options = { endpoint: hub.url, token: 'secret', cacheDir: join(home, 'cache') }
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await hub.close()
  await rm(home, { recursive: true, force: true })
})

async function publish(): Promise<void> {
  await hub.publish('org/emoji', at('models/emoji-vit-bert'))
  hub.repo('org/clip').commit(await filesOf(at('fixtures/standalone/clip')))

  // sentence-transformers: a tower, how it is pooled, and a matrix.
  const dense = tensor(
    Float32Array.from({ length: 16 * 24 }, (_, i) => (i % 13) / 50),
    [16, 24],
  )
  hub.repo('org/sentence').commit({
    ...(await filesOf(at('fixtures/standalone/bert'))),
    '1_Pooling/config.json': JSON.stringify({ pooling_mode_mean_tokens: true }),
    '2_Dense/config.json': JSON.stringify({ bias: false }),
    '2_Dense/model.safetensors': writeSafetensors(new Map([['linear.weight', dense]]), {}),
  })

  // open_clip: its config names where the text tower's own config and its tokenizer lie.
  const { 'open_clip_config.json': config, ...weights } = await filesOf(at('fixtures/open-clip/xlm-roberta-mlp'))
  const { text_config: text, ...json } = JSON.parse(config!.toString()) as {
    text_config: object
    model_cfg: { text_cfg: object }
  }
  Object.assign(json.model_cfg.text_cfg, { hf_model_name: 'org/xlm', hf_tokenizer_name: 'org/xlm-tokenizer' })
  delete weights['expected.safetensors']
  hub.repo('org/open-clip').commit({ ...weights, 'open_clip_config.json': JSON.stringify(json) }, 'v1')
  hub.repo('org/xlm').commit({ 'config.json': JSON.stringify(text) })
  hub.repo('org/xlm-tokenizer').commit(await filesOf(at('fixtures/text/xlm-roberta')))
  for (const repo of hub.repos.values()) repo.access = 'private'
}

const quiet = { onWarning: () => undefined }

/** What each call that takes a source makes of a name on the hub. */
async function loadAll(given: SourceOptions): Promise<void> {
  await using whole = await VisionTextDualEncoderModel.fromPretrained('org/emoji', given)
  await using auto = await AutoModel.fromPretrained('org/emoji', given)
  expect(auto).toBeInstanceOf(VisionTextDualEncoderModel)
  expect((await VisionTextDualEncoderConfig.fromPretrained('org/emoji', given)).toJSON()).toEqual(whole.config.toJSON())
  const processors = [
    await VisionTextDualEncoderProcessor.fromPretrained('org/emoji', given),
    await AutoProcessor.fromPretrained('org/emoji', given),
  ]
  const tokenizer = await Tokenizer.fromPretrained('org/emoji', given)
  const image = await ImageProcessor.fromPretrained('org/emoji', given)
  for (const processor of processors) {
    expect(processor.tokenizer('a cat')).toEqual(tokenizer('a cat'))
    expect(processor.imageProcessor.toJSON()).toEqual(image.toJSON())
  }

  await using vision = await VisionTower.fromPretrained('org/clip', { ...given, ...quiet })
  await using text = await TextTower.fromPretrained('org/clip', { ...given, ...quiet })
  expect([vision.config.modelType, text.config.modelType]).toEqual(['clip_vision_model', 'clip_text_model'])

  await using joined = await VisionTextDualEncoderModel.fromVisionTextPretrained('org/clip', 'org/sentence', {
    ...given,
    ...quiet,
    projections: 'keep',
  })
  expect([joined.config.projectionDim, joined.config.textConfig.pooling]).toEqual([16, 'mean'])

  const atTag = { ...given, revision: 'v1' }
  await using openClip = await AutoModel.fromPretrained('org/open-clip', { ...atTag, ...quiet })
  expect(openClip.config.toJSON()).toMatchObject({ text_config: { model_type: 'xlm-roberta', pooling: 'mean' } })
  const processor = await AutoProcessor.fromPretrained('org/open-clip', atTag)
  expect((await processor({ text: ['a cat'] })).inputIds.dims).toEqual([1, 12])

  const target = join(home, `converted-${given.localFilesOnly}`)
  const report = await convert('org/emoji', target, given)
  expect(report.carried).toContain('tokenizer.json')
  expect(await readdir(target)).toContain('model.safetensors')
  await convert('org/open-clip', join(home, `open-${given.localFilesOnly}`), atTag)
}

const elsewhere = () => readdir(join(home, 'elsewhere')).catch(() => [])

it('a name is a source everywhere, with its options, down to what a config names', async () => {
  await loadAll(options)
  expect(await elsewhere()).toEqual([])
  const tokens = hub.requests.filter(({ host }) => host === 'hub').map(({ headers }) => headers.authorization)
  expect(new Set(tokens)).toEqual(new Set(['Bearer secret']))
})

it('what downloadModel fetches is all that is read afterwards', async () => {
  for (const name of ['org/emoji', 'org/clip', 'org/sentence']) await downloadModel(name, options)
  await downloadModel('org/open-clip', { ...options, revision: 'v1' })
  await hub.close()
  await loadAll({ ...options, localFilesOnly: true })
  expect(await elsewhere()).toEqual([])
})
