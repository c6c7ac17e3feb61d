import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { FakeHub } from '../../tools/hub/fake-hub'
import { record } from './record'

/** A Python with what tools/reference/requirements.txt lists. */
const PYTHON = process.env.PYTHON ?? 'python3'
const MODEL = fileURLToPath(new URL('../models/emoji-vit-bert', import.meta.url))

const LOAD = `
import json, sys, torch, huggingface_hub, transformers
from transformers import AutoTokenizer, AutoImageProcessor, VisionTextDualEncoderModel
options = dict(local_files_only=sys.argv[1] == "offline", revision=sys.argv[2])
model = VisionTextDualEncoderModel.from_pretrained("org/emoji", **options)
tokenizer = AutoTokenizer.from_pretrained("org/emoji", **options)
AutoImageProcessor.from_pretrained("org/emoji", **options)
ids = tokenizer(["a cat", "a dog"], return_tensors="pt", padding=True)
with torch.no_grad(): out = model.text_projection(model.text_model(**ids).pooler_output)
print(json.dumps(dict(values=out.flatten().tolist(), huggingface_hub=huggingface_hub.__version__, transformers=transformers.__version__)))
`

interface Loaded {
  values: number[]
  huggingface_hub: string
  transformers: string
}

let hub: FakeHub
let home: string

beforeAll(async () => {
  hub = await FakeHub.start()
  home = await mkdtemp(join(tmpdir(), 'dual-encoder-python-'))
  const commit = await hub.publish('org/emoji', MODEL)
  hub.repo('org/emoji').refs.set('refs/pr/1', commit)
})
afterAll(async () => {
  await hub.close()
  await rm(home, { recursive: true, force: true })
})

async function inPython(cache: string, online: 'online' | 'offline', revision: string, env = {}): Promise<Loaded> {
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', LOAD, online, revision], {
    env: { ...process.env, HF_HOME: join(home, cache), HF_HUB_CACHE: join(home, cache), HF_ENDPOINT: hub.url, ...env },
  })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Loaded
}

async function inNode(cache: string, localFilesOnly: boolean, revision: string): Promise<number[]> {
  const options = { endpoint: hub.url, cacheDir: join(home, cache), localFilesOnly, revision }
  await using model = await VisionTextDualEncoderModel.fromPretrained('org/emoji', options)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained('org/emoji', options)
  const inputs = (await processor({ text: ['a cat', 'a dog'] })) as never
  return [...(await model.getTextFeatures(inputs)).data].map(Number)
}

const far = (a: readonly number[], b: readonly number[]) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))

it('what either side has downloaded loads offline on the other', async () => {
  const differences: Record<string, number> = {}
  let versions: Partial<Loaded> = {}
  for (const revision of ['main', 'refs/pr/1', hub.repo('org/emoji').refs.get('main')!])
    for (const links of [true, false]) {
      const key = `${revision.length === 40 ? 'commit' : revision}${links ? '' : ' without links'}`
      const env = links ? {} : { HF_HUB_DISABLE_SYMLINKS: '1' }
      process.env.HF_HUB_DISABLE_SYMLINKS = links ? '' : '1'
      const there = await inPython(`python ${key}`, 'online', revision, env)
      hub.requests.length = 0
      const here = await inNode(`python ${key}`, true, revision)
      await inNode(`node ${key}`, false, revision)
      const counted = hub.requests.length
      const back = await inPython(`node ${key}`, 'offline', revision, { ...env, HF_HUB_OFFLINE: '1' })
      expect(counted).toBe(hub.requests.length)
      differences[`${key}: downloaded by Python, loaded here`] = far(here, there.values)
      differences[`${key}: downloaded here, loaded by Python`] = far(back.values, there.values)
      versions = { huggingface_hub: back.huggingface_hub, transformers: back.transformers }
    }
  delete process.env.HF_HUB_DISABLE_SYMLINKS
  await record('hub-python', {
    what: 'A model downloaded from the fake hub by one side, loaded offline by the other: largest difference of text features.',
    ...versions,
    differences,
  })
  for (const difference of Object.values(differences)) expect(difference).toBeLessThan(1e-5)
})
