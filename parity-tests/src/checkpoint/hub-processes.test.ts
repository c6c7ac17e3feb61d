import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { FakeHub } from '../../../tools/hub/fake-hub'
import { loadProgram } from './load-program'

const NAMES = ['config.json', 'tokenizer.json', 'model.safetensors']
const LARGE = Buffer.from(Uint8Array.from({ length: 2_000_000 }, (_, i) => (i * 7919) % 251))

let folder: string
let program: string
let hub: FakeHub
let home: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-processes-'))
  program = join(folder, 'load.mjs')
  await loadProgram(program, NAMES)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(async () => {
  hub = await FakeHub.start()
  hub.repo('org/model').commit({ 'config.json': '{}', 'tokenizer.json': '{"a":1}', 'model.safetensors': LARGE })
  home = await mkdtemp(join(folder, 'home-'))
})
afterEach(() => hub.close())

const LENGTHS = `2,7,${LARGE.length}\n`
const env = () => ({ ...process.env, HF_HUB_CACHE: '', HF_HOME: home, HF_ENDPOINT: hub.url })
const run = async () => (await promisify(execFile)(process.execPath, [program], { env: env() })).stdout
const left = async () =>
  (await readdir(home, { recursive: true })).filter((name) => /\.(incomplete|lock|part)$/.test(name))

it('four processes that want one model at once fetch each file once, and all have it', async () => {
  expect(await Promise.all([run(), run(), run(), run()])).toEqual([LENGTHS, LENGTHS, LENGTHS, LENGTHS])
  const fetched = hub.requests.filter(({ method, sent }) => method === 'GET' && sent > 0)
  expect(fetched).toHaveLength(NAMES.length)
  expect(fetched.find(({ host }) => host === 'cdn')?.sent).toBe(LARGE.length)
  expect(await left()).toEqual([])
})

const ended = (child: ChildProcess) => new Promise((done) => child.once('close', done))

it('a process that was killed while it loaded leaves nothing in the way of the next', async () => {
  hub.fault = ({ host }) => (host === 'cdn' ? { kind: 'stall', at: 1_000_000 } : undefined)
  const killed = spawn(process.execPath, [program], { env: env() })
  while (!hub.requests.some(({ host, sent }) => host === 'cdn' && sent > 0))
    await new Promise((go) => setTimeout(go, 20))
  await new Promise((go) => setTimeout(go, 200))
  killed.kill('SIGKILL')
  await ended(killed)
  expect((await left()).map((name) => name.split('.').at(-1)).sort()).toEqual(['incomplete', 'lock'])
  hub.fault = undefined
  hub.requests.length = 0
  expect(await run()).toBe(LENGTHS)
  expect(hub.requests.find(({ host }) => host === 'cdn')?.headers.range).toMatch(/^bytes=[1-9]\d*-$/)
  expect(await left()).toEqual([])
})
