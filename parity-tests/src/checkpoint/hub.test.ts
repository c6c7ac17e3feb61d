import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { downloadModel, VisionTextDualEncoderConfig, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { TextTower, VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FakeHub } from '../../../tools/hub/fake-hub'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const MODEL = `${ROOT}models/emoji-vit-bert`

let hub: FakeHub
let home: string

beforeEach(async () => {
  hub = await FakeHub.start()
  home = await mkdtemp(join(tmpdir(), 'dual-encoder-hub-'))
  vi.stubEnv('HF_HOME', home)
  vi.stubEnv('HF_HUB_CACHE', undefined)
  vi.stubEnv('HF_ENDPOINT', hub.url)
  await hub.publish('org/emoji', MODEL)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await hub.close()
  await rm(home, { recursive: true, force: true })
})

const sent = (name: string) =>
  hub.requests
    .filter(({ path }) => path.endsWith(`/${name}`) || path === `/${hub.fileOf('org/emoji', name)?.lfs}`)
    .reduce((sum, request) => sum + request.sent, 0)

it('a model, its processor and its config are loaded by name, each file once, and offline afterwards', async () => {
  const run = async (source: string, options = {}) => {
    await using model = await VisionTextDualEncoderModel.fromPretrained(source, options)
    const processor = await VisionTextDualEncoderProcessor.fromPretrained(source, options)
    const config = await VisionTextDualEncoderConfig.fromPretrained(source, options)
    const image = `${MODEL}/samples/${(await readdir(`${MODEL}/samples`))[0]}`
    const inputs = (await processor({ text: ['a cat', 'a dog'], images: [image] })) as never
    return { config: config.toJSON(), logits: (await model.forward(inputs)).logitsPerImage.data }
  }
  const fromFolder = await run(MODEL)
  expect(await run('org/emoji')).toEqual(fromFolder)
  for (const name of await readdir(MODEL))
    if (/^(model|config|tokenizer|preprocessor)/.test(name))
      expect(sent(name), name).toBe((await stat(join(MODEL, name))).size)
  expect(sent('README.md')).toBe(0)
  await hub.close()
  expect(await run('org/emoji', { localFilesOnly: true })).toEqual(fromFolder)
})

it('a tower moves its own bytes and the headers, no more', async () => {
  const header = Number((await readFile(`${MODEL}/model.safetensors`)).readBigUInt64LE(0)) + 8
  await using tower = await TextTower.fromPretrained('org/emoji', { onWarning: () => undefined })
  await tower.forward({ inputIds: { dims: [1, 3], dtype: 'int64', data: BigInt64Array.of(2n, 5n, 3n) } })
  const entries = JSON.parse((await readFile(`${MODEL}/model.safetensors`)).subarray(8, header).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >
  const own = Object.entries(entries)
    .filter(([name]) => name.startsWith('text_model.'))
    .reduce(
      (
        sum,
        [
          ,
          {
            data_offsets: [start, end],
          },
        ],
      ) => sum + end - start,
      0,
    )
  expect(sent('model.safetensors')).toBeGreaterThan(own)
  expect(sent('model.safetensors')).toBeLessThanOrEqual(own + header)
})

it('what was downloaded beforehand loads offline', async () => {
  await downloadModel('org/emoji')
  expect(sent('README.md')).toBe(0)
  await hub.close()
  const options = { localFilesOnly: true }
  await using model = await VisionTextDualEncoderModel.fromPretrained('org/emoji', options)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained('org/emoji', options)
  expect((await model.getTextFeatures((await processor({ text: ['a cat'] })) as never)).dims[0]).toBe(1)
})
