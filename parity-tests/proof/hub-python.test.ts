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
results = []
for cache, revision, offline in json.loads(sys.argv[1]):
    options = dict(local_files_only=offline, revision=revision, cache_dir=cache)
    model = VisionTextDualEncoderModel.from_pretrained("org/emoji", **options)
    tokenizer = AutoTokenizer.from_pretrained("org/emoji", **options)
    AutoImageProcessor.from_pretrained("org/emoji", **options)
    ids = tokenizer(["a cat", "a dog"], return_tensors="pt", padding=True)
    with torch.no_grad(): out = model.text_projection(model.text_model(**ids).pooler_output)
    results.append(out.flatten().tolist())
print(json.dumps(dict(results=results, huggingface_hub=huggingface_hub.__version__, transformers=transformers.__version__)))
`

interface Loaded {
  results: number[][]
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

type Load = readonly [cache: string, revision: string, offline: boolean]

async function inPython(loads: readonly Load[], env = {}): Promise<Loaded> {
  const places = loads.map(([cache, ...rest]) => [join(home, cache), ...rest])
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', LOAD, JSON.stringify(places)], {
    env: { ...process.env, HF_HOME: home, HF_ENDPOINT: hub.url, ...env },
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
  const revisions = ['main', 'refs/pr/1', hub.repo('org/emoji').refs.get('main')!]
  const named = (revision: string) => (revision.length === 40 ? 'a commit' : revision)
  const links = await inPython(revisions.map((revision) => [`python ${revision}`, revision, false]))
  const copies = await inPython([['python copies', 'main', false]], { HF_HUB_DISABLE_SYMLINKS: '1' })
  hub.requests.length = 0
  const here = new Map<string, number[]>()
  for (const revision of revisions) here.set(named(revision), await inNode(`python ${revision}`, true, revision))
  here.set('main, copies', await inNode('python copies', true, 'main'))
  expect(hub.requests).toEqual([])

  for (const revision of revisions) await inNode(`node ${revision}`, false, revision)
  process.env.HF_HUB_DISABLE_SYMLINKS = '1'
  await inNode('node copies', false, 'main')
  delete process.env.HF_HUB_DISABLE_SYMLINKS
  hub.requests.length = 0
  const back = await inPython([
    ...revisions.map((revision): Load => [`node ${revision}`, revision, true]),
    ['node copies', 'main', true],
  ])
  expect(hub.requests.filter(({ path }) => path.includes('org/'))).toEqual([])

  const keys = [...here.keys()]
  const expected = links.results[0]!
  const { huggingface_hub, transformers } = back
  const differences = (results: readonly number[][]) =>
    Object.fromEntries(keys.map((key, i) => [key, far(results[i]!, expected)]))
  const byPython = differences([...here.values()])
  const byNode = differences(back.results)
  await record('hub-python', {
    what: 'A model downloaded from the fake hub by one side, loaded offline by the other: largest difference of text features from those of Python.',
    huggingface_hub,
    transformers,
    downloadedByPythonLoadedHere: byPython,
    downloadedHereLoadedByPython: byNode,
  })
  expect(far(copies.results[0]!, expected)).toBe(0)
  for (const difference of [...Object.values(byPython), ...Object.values(byNode)]) expect(difference).toBeLessThan(1e-5)
})
