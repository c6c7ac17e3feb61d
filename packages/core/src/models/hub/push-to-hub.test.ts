import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FakeHub } from '../../../../../tools/hub/fake-hub'
import { openSource } from '../../files/source'
import { ImageProcessor } from '../../images'
import { openTarget, type TargetLike } from '../../files/target'
import { modelCard } from './card'
import { pushToHub } from './push-to-hub'

let hub: FakeHub
let home: string

beforeEach(async () => {
  hub = await FakeHub.start({ tokens: { write: {} } })
  home = await mkdtemp(join(tmpdir(), 'dual-encoder-push-'))
  for (const [name, value] of Object.entries({
    HF_HOME: home,
    HF_ENDPOINT: hub.url,
    HF_TOKEN: undefined,
    HF_TOKEN_PATH: undefined,
    HF_HUB_CACHE: undefined,
  }))
    vi.stubEnv(name, value)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await hub.close()
  await rm(home, { recursive: true, force: true })
})

const large = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7919) % 251)
const saves = (files: Record<string, Uint8Array | string>) => ({
  async savePretrained(target: TargetLike) {
    const writer = await openTarget(target)
    for (const [name, content] of Object.entries(files))
      await writer.write(name, [typeof content === 'string' ? new TextEncoder().encode(content) : content])
  },
})
const model = saves({ 'config.json': '{"é":1}', 'model.safetensors': large })
const processor = saves({ 'tokenizer.json': '{}' })
const card = modelCard({ name: 'org/new', license: 'apache-2.0' })

it('puts all files in one commit, which loads by its name', async () => {
  const told: string[] = []
  const options = {
    token: 'write',
    card,
    message: 'First',
    onProgress: ({ file }: { file: string }) => told.push(file),
  }
  const { commit, url } = await pushToHub('org/new', [model, processor], options)
  expect(url).toContain(commit)
  expect(told).toEqual(['model.safetensors'])
  const source = await openSource('org/new')
  const text = async (name: string) => new TextDecoder().decode(await source.read(name))
  expect(await text('config.json')).toBe('{"é":1}')
  expect(await text('tokenizer.json')).toBe('{}')
  expect(await text('README.md')).toBe(card)
  expect(Buffer.from(large).equals((await source.read('model.safetensors'))!)).toBe(true)
  const second = hub.requests.filter(({ host }) => host === 'cdn')
  expect(second.some(({ method }) => method === 'PUT')).toBe(true)
  expect(JSON.stringify(second)).not.toContain('write')

  const again = await pushToHub('org/new', saves({ 'config.json': '{"b":2}' }), { token: 'write', revision: 'main' })
  expect(again.commit).not.toBe(commit)
  expect(new TextDecoder().decode(await (await openSource('org/new')).read('config.json'))).toBe('{"b":2}')
})

it('removes what would be read in place of what it puts there', async () => {
  hub.repo('org/new').commit({
    'processor_config.json': '{"image_processor":{"image_processor_type":"CLIPImageProcessor"}}',
    'model.safetensors.index.json': '{}',
    'added_tokens.json': '{}',
    'README.md': 'mine',
  })
  const images = new ImageProcessor({ image_processor_type: 'ViTImageProcessor', size: 32 })
  await pushToHub('org/new', [images, model], { token: 'write' })
  const names = () => [...hub.repo('org/new').commits.get(hub.repo('org/new').resolve('main')!)!.keys()].sort()
  expect(names()).toEqual([
    'README.md',
    'added_tokens.json',
    'config.json',
    'model.safetensors',
    'model.safetensors.index.json',
    'preprocessor_config.json',
  ])
  expect((await ImageProcessor.fromPretrained('org/new')).type).toBe('ViTImageProcessor')
  // What one of them removes another may write.
  const writes = saves({ 'processor_config.json': '{}' })
  await pushToHub('org/new', [images, writes], { token: 'write' })
  expect(names()).toContain('processor_config.json')
})

it('a large file goes in parts, which are asked for again; where one is lost nothing is committed', async () => {
  await hub.close()
  hub = await FakeHub.start({ tokens: { write: {} }, partSize: 16_384 })
  vi.stubEnv('HF_ENDPOINT', hub.url)
  const isPart = ({ path }: { path: string }) => path.startsWith('/parts/')
  const told: number[] = []
  const onProgress = ({ loaded }: { loaded: number }) => void told.push(loaded)
  let busy = 2
  hub.fault = (request) =>
    isPart(request) && request.path.endsWith('/3') && busy-- > 0
      ? { kind: 'status', status: 503, headers: { 'retry-after': '0' } }
      : undefined
  await pushToHub('org/new', model, { token: 'write', onProgress })
  expect(told).toEqual([16_384, 32_768, 49_152, 65_536, 70_000])
  expect(hub.requests.filter(isPart).map(({ path, status }) => `${path.slice(-1)} ${status}`)).toEqual([
    '1 200',
    '2 200',
    '3 503',
    '3 503',
    '3 200',
    '4 200',
    '5 200',
  ])
  expect(JSON.stringify(hub.requests.filter(({ host }) => host === 'cdn'))).not.toContain('write')
  expect(Buffer.from(large).equals((await (await openSource('org/new')).read('model.safetensors'))!)).toBe(true)

  const before = hub.repo('org/new').refs.get('main')
  const other = saves({ 'model.safetensors': large.map((byte) => byte ^ 1) })
  hub.fault = (request) =>
    isPart(request) && request.path.endsWith('/4') ? { kind: 'status', status: 403 } : undefined
  await expect(pushToHub('org/new', other, { token: 'write' })).rejects.toMatchObject({ code: 'no-access' })
  hub.fault = undefined
  const leaving = new AbortController()
  const leave = ({ loaded }: { loaded: number }) => loaded > 40_000 && leaving.abort(new Error('enough'))
  await expect(
    pushToHub('org/new', other, { token: 'write', onProgress: leave, signal: leaving.signal }),
  ).rejects.toThrow('enough')
  expect(hub.repo('org/new').refs.get('main')).toBe(before)
  expect((await pushToHub('org/new', other, { token: 'write' })).commit).not.toBe(before)

  // What the hub has already is not sent again.
  hub.requests.length = 0
  await pushToHub('org/second', model, { token: 'write' })
  expect(hub.requests.filter(({ host }) => host === 'cdn')).toEqual([])
  expect(hub.fileOf('org/second', 'model.safetensors')?.bytes.equals(large)).toBe(true)
})

it('a busy hub is asked again; a failed upload commits nothing', async () => {
  let first = true
  hub.fault = ({ host, method }) => {
    if (host !== 'cdn' || method !== 'PUT' || !first) return undefined
    first = false
    return { kind: 'status', status: 503, headers: { 'retry-after': '0' } }
  }
  await pushToHub('org/new', model, { token: 'write' })
  expect(first).toBe(false)
  const before = hub.repo('org/new').refs.get('main')
  hub.fault = ({ host }) => (host === 'cdn' ? { kind: 'status', status: 403 } : undefined)
  await expect(
    pushToHub('org/new', saves({ 'a.safetensors': large.slice(1) }), { token: 'write' }),
  ).rejects.toMatchObject({ code: 'no-access' })
  expect(hub.repo('org/new').refs.get('main')).toBe(before)
})

it('says what is missing', async () => {
  await expect(pushToHub('org/new', model)).rejects.toMatchObject({ code: 'no-token' })
  await expect(pushToHub('./folder', model, { token: 'write' })).rejects.toMatchObject({ code: 'bad-name' })
  await expect(pushToHub('org/new', model, { token: 'other' })).rejects.toMatchObject({ code: 'bad-token' })
  await expect(pushToHub('org/new', model, { tokn: '' } as never)).rejects.toMatchObject({ code: 'unknown-option' })
})

it('a card holds what the hub reads and what people read', () => {
  const text = modelCard({
    name: 'org/new',
    license: 'apache-2.0',
    description: 'Pictures and words.',
    baseModels: ['org/vit', 'org/bert'],
    datasets: ['org/data'],
    languages: ['en'],
    metrics: [
      { name: 'accuracy', value: 0.5, dataset: 'held out' },
      { name: 'recall@1', value: 0.25, dataset: 'held out' },
    ],
    trainedWith: { steps: 100, optimizer: 'adamw | 0.1' },
    limitations: 'Bad at counting.',
  })
  expect(text).toMatch(/^---\nlibrary_name: dual-encoder\nlicense: "apache-2.0"\n/)
  expect(text).toContain('base_model:\n- "org/vit"\n- "org/bert"\n')
  expect(text.match(/ {2}- task:/g)).toHaveLength(1)
  expect(text).toContain('    - type: "recall@1"\n      name: "recall@1"\n      value: 0.25\n')
  expect(text).toContain('| optimizer | adamw \\| 0.1 |')
  expect(text).toContain('## Limitations\n\nBad at counting.')
  expect(() => modelCard({ name: 'x', license: '' })).toThrow(/license/)
  expect(() => modelCard({ name: 'x', license: 'mit', metrics: [{ name: 'a', value: NaN, dataset: 'b' }] })).toThrow(
    /NaN/,
  )
})
