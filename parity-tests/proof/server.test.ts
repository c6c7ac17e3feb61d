import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { AutoProcessor, embedImages } from '@dual-encoder/core'
import { folder } from '@dual-encoder/model-pictures'
import { AutoModel, type OnnxModel } from '@dual-encoder/onnx'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SAMPLES } from '../../packages/cli/test/cli'
import { fuzz } from '../../packages/cli/test/fuzz'
import { startServer, type TestServer } from '../../packages/cli/test/server'
import { record } from './record'

const CLIENTS = 64
const SECONDS = Number(process.env.PROOF_SECONDS ?? 120)
/** The library and the server take turns, so that what else the machine does meets both. */
const TURNS = 8
/** The one that ships, unless another folder is named. */
const named = process.env.PROOF_MODEL
const model = named ?? fileURLToPath(folder)
const NAME = named === undefined ? 'server' : `server-${basename(named)}`

let served: TestServer
let library: OnnxModel
let pictures: Buffer<ArrayBuffer>[]
beforeAll(async () => {
  served = await startServer('serve-proof', ['--model', model, '--timeout', '30'])
  library = (await AutoModel.fromPretrained(model)) as OnnxModel
  const names = (await readdir(SAMPLES)).sort()
  pictures = await Promise.all(names.map((name) => readFile(join(SAMPLES, name))))
})
afterAll(async () => {
  served.child.kill('SIGKILL')
  await library.dispose()
})

const until = (seconds: number) => {
  const end = performance.now() + seconds * 1000
  return () => performance.now() < end
}

/** Pictures that `embedImages` answers, of the same files. */
async function alone(seconds: number): Promise<{ count: number; seconds: number }> {
  const [more, started] = [until(seconds), performance.now()]
  const items = function* () {
    for (let id = 0; more(); id++) yield { id, image: new Uint8Array(pictures[id % pictures.length]!) }
  }
  let count = 0
  const processor = await AutoProcessor.fromPretrained(model)
  for await (const { embedding } of embedImages(library, processor, items())) count += embedding ? 1 : 0
  return { count, seconds: (performance.now() - started) / 1000 }
}

const quantile = (sorted: readonly number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
const milliseconds = (times: number[]) => {
  times.sort((a, b) => a - b)
  const rounded = [0.5, 0.99, 1].map((q) => Number(quantile(times, q).toFixed(1)))
  return { p50: rounded[0], p99: rounded[1], most: rounded[2] }
}
const memory = async () => {
  const text = await (await fetch(`${served.url}/metrics`)).text()
  return Math.round(Number(/^dual_encoder_resident_bytes (\d+)/m.exec(text)![1]) / 2 ** 20)
}

interface Asked {
  readonly milliseconds: number[]
  readonly seconds: number
  readonly statuses: readonly number[]
}
/** Asks from another process: what answers here would wait for what asks here. */
async function clients(options: object): Promise<Asked> {
  const script = fileURLToPath(new URL('clients.mjs', import.meta.url))
  const args = [script, JSON.stringify({ url: served.url, ...options })]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 28 })
  const asked = JSON.parse(stdout) as Asked
  expect(asked.statuses).toEqual([200])
  return asked
}
/** Clients that each send a picture as soon as they have the answer to the last one. */
const load = (seconds: number) => clients({ path: '/v1/embeddings', clients: CLIENTS, seconds, pictures: SAMPLES })
const watch = (seconds: number) => clients({ path: '/healthz', clients: 1, seconds, pause: 100 })

const results: Record<string, unknown> = {
  what: 'dual-encoder serve, one model, pictures of 64 clients',
  model: named === undefined ? '@dual-encoder/model-pictures' : basename(named),
}

it(`answers ${CLIENTS} clients at 0.9 of the library's own rate, and its health at once`, async () => {
  await alone(2)
  await load(2)
  const [library, server] = [
    { count: 0, seconds: 0 },
    { count: 0, seconds: 0 },
  ]
  const [answers, health]: number[][] = [[], []]
  for (let turn = 0; turn < TURNS; turn++) {
    const own = await alone(SECONDS / TURNS)
    library.count += own.count
    library.seconds += own.seconds
    const [asked, watched] = await Promise.all([load(SECONDS / TURNS), watch(SECONDS / TURNS)])
    server.count += asked.milliseconds.length
    server.seconds += asked.seconds
    answers!.push(...asked.milliseconds)
    health!.push(...watched.milliseconds)
  }
  const rates = [server, library].map(({ count, seconds }) => count / seconds) as [number, number]
  const ratio = rates[0] / rates[1]
  Object.assign(results, {
    load: {
      clients: CLIENTS,
      seconds: Math.round(server.seconds),
      turns: TURNS,
      picturesPerSecond: { server: Math.round(rates[0]), library: Math.round(rates[1]) },
      ratio: Number(ratio.toFixed(3)),
      milliseconds: milliseconds(answers!),
      healthMilliseconds: milliseconds(health!),
    },
  })
  await record(NAME, results)
  expect(ratio).toBeGreaterThanOrEqual(0.9)
  expect(quantile(health!, 0.99)).toBeLessThan(50)
}, 900_000)

it('has typed answers to 10,000 random bodies, in flat memory', async () => {
  const image = `data:image/png;base64,${pictures[0]!.toString('base64')}`
  const good = JSON.stringify({ input: ['a dog', { image }], labels: ['a'], image, query: 'a dog' })
  const first = await fuzz(served, good, { seed: 1, count: 2000 })
  const before = await memory()
  const second = await fuzz(served, good, { seed: 2, count: 8000 })
  const after = await memory()
  const statuses: Record<string, number> = { ...second }
  for (const [status, count] of Object.entries(first)) statuses[status] = (statuses[status] ?? 0) + count
  Object.assign(results, { fuzz: { bodies: 10_000, statuses, megabytes: { after2000: before, after10000: after } } })
  await record(NAME, results)
  expect(after).toBeLessThan(1.1 * before)
}, 1_200_000)

it('drops nothing that it has accepted when it is ended under load', async () => {
  const before = Number(/requests_total (\d+)/.exec(await (await fetch(`${served.url}/metrics`)).text())![1])
  const asking = load(60)
  await new Promise((done) => setTimeout(done, 3000))
  const { code, accepted, answered } = await served.stop()
  const received = (await asking).milliseconds.length
  Object.assign(results, {
    sigterm: { clients: CLIENTS, accepted: accepted - before, answered: answered - before, received },
  })
  await record(NAME, results)
  expect([code, answered, before + received]).toEqual([0, accepted, accepted])
}, 120_000)
