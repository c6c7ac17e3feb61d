import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout } from 'node:timers/promises'
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
absent = huggingface_hub.try_to_load_from_cache("org/emoji", sys.argv[2], cache_dir=json.loads(sys.argv[1])[0][0])
print(json.dumps(dict(results=results, absent=absent is huggingface_hub._CACHED_NO_EXIST, huggingface_hub=huggingface_hub.__version__, transformers=transformers.__version__)))
`

/** Read by both sides where it is there, which it is not. */
const ABSENT = 'processor_config.json'

interface Loaded {
  results: number[][]
  /** Whether the first cache says that there is no such file. */
  absent: boolean
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
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', LOAD, JSON.stringify(places), ABSENT], {
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

  // Both at once into one cache: at worst both fetch, and what lies there is whole.
  hub.requests.length = 0
  const inItsTime = inPython([['both', 'main', false]])
  while (!hub.requests.some(({ path }) => path.endsWith('model.safetensors'))) await setTimeout(1)
  const together = [await inNode('both', false, 'main'), await inNode('both', true, 'main')]
  const atOnce = await inItsTime
  const afterwards = await inPython([['both', 'main', true]])
  const weights = hub.fileOf('org/emoji', 'model.safetensors')!
  const sent = hub.requests.filter(({ path }) => path === `/${weights.lfs}`).reduce((sum, { sent }) => sum + sent, 0)

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
    downloadedByBothAtOnce: far([...atOnce.results[0]!, ...afterwards.results[0]!], [...expected, ...expected]),
    timesThatTheWeightsWereSent: sent / weights.bytes.length,
    absentFilesAreAbsentOnBothSides: back.absent,
  })
  expect([links.absent, back.absent]).toEqual([true, true])
  for (const results of [...together, ...atOnce.results, ...afterwards.results])
    expect(far(results, expected)).toBeLessThan(1e-5)
  expect(sent).toBeLessThanOrEqual(2 * weights.bytes.length)
  expect(far(copies.results[0]!, expected)).toBe(0)
  for (const difference of [...Object.values(byPython), ...Object.values(byNode)]) expect(difference).toBeLessThan(1e-5)
})
