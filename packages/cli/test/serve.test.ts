import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SwaggerParser from '@apidevtools/swagger-parser'
import { AutoProcessor, SiglipConfig } from '@dual-encoder/core'
import { SiglipModel } from '@dual-encoder/onnx'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApp } from '../src/server/app'
import { localEngine } from '../src/server/engine'
import { listen } from '../src/server/listen'
import { Metrics } from '../src/server/metrics'
import { openapi } from '../src/server/openapi'
import { builtBin, shell } from './bin'
import { cli, fixture, SAMPLES } from './cli'
import { fuzz } from './fuzz'
import { codeOf, startServer, type TestServer } from './server'

let server: TestServer
let openai: OpenAI
let folder: string
let bytes: Buffer<ArrayBuffer>
let picture: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-serve-'))
  const index = join(folder, 'index')
  process.env.DUAL_ENCODER_MODEL = fixture('models/emoji-vit-bert')
  await cli('index', SAMPLES, '--index', index)
  const limits = ['--queue', '64', '--max-body', '200000', '--max-pixels', '100000', '--timeout', '6']
  server = await startServer('serve', [...limits, '--index', index], { DUAL_ENCODER_API_KEYS: 'other,secret' })
  openai = new OpenAI({ apiKey: 'secret', baseURL: `${server.url}/v1`, maxRetries: 0 })
  bytes = await readFile(join(SAMPLES, 'pizza.png'))
  picture = `data:image/png;base64,${bytes.toString('base64')}`
}, 60_000)
afterAll(async () => {
  server.child.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

const authorization = 'Bearer secret'
const post = (path: string, body: unknown, key = authorization) => server.post(path, body, { authorization: key })
interface Embeddings {
  data: { embedding: number[] }[]
}

it('answers the official client: base64 by default, floats, fewer dimensions, usage', async () => {
  const model = 'any'
  const byDefault = await openai.embeddings.create({ model, input: ['a dog', 'a slice of pizza'] })
  const floats = await openai.embeddings.create({
    model,
    input: ['a dog', 'a slice of pizza'],
    encoding_format: 'float',
  })
  expect(byDefault.data.map(({ embedding }) => embedding)).toEqual(
    floats.data.map(({ embedding }) => embedding.map((value) => expect.closeTo(value, 6) as number)),
  )
  expect(floats.data.map(({ embedding }) => embedding.length)).toEqual([128, 128])
  expect(floats.usage.prompt_tokens).toBeGreaterThan(5)
  const short = await openai.embeddings.create({ model, input: 'a dog', dimensions: 16 })
  expect(Math.hypot(...short.data[0]!.embedding)).toBeCloseTo(1, 5)
  expect(short.data[0]!.embedding).toHaveLength(16)
})

it('embeds pictures beside texts, in order, and classifies', async () => {
  const response = await post('/v1/embeddings', { input: ['a slice of pizza', { image: picture }, { text: 'a dog' }] })
  const { data } = (await response.json()) as Embeddings
  const [pizza, image, dog] = data.map(({ embedding }) => embedding)
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, d) => sum + value * b[d]!, 0)
  expect(dot(image!, pizza!)).toBeGreaterThan(dot(image!, dog!))
  const classified = await post('/classify', { image: picture, labels: ['dog', 'pizza'], template: '{}' })
  const { labels } = (await classified.json()) as { labels: { label: string; probability: number }[] }
  expect(labels[0]!.label).toBe('pizza')
  expect(labels[0]!.probability + labels[1]!.probability).toBeCloseTo(1)
})

it('takes uploads: a form means what the JSON of its fields does', async () => {
  const form = new FormData()
  form.append('input', 'a dog')
  form.append('input', new File([bytes], 'pizza.png'))
  form.append('dimensions', '8')
  const uploaded = (await (await post('/v1/embeddings', form)).json()) as Embeddings
  const sent = await post('/v1/embeddings', { input: ['a dog', { image: picture }], dimensions: 8 })
  expect(uploaded).toEqual(await sent.json())
  const labels = new FormData()
  labels.append('image', new File([bytes], 'pizza.png'))
  for (const label of ['dog', 'pizza']) labels.append('labels', label)
  labels.append('template', '{}')
  const classified = (await (await post('/classify', labels)).json()) as { labels: { label: string }[] }
  expect(classified.labels.map(({ label }) => label)).toEqual(['pizza', 'dog'])
})

it('searches the index: by text, picture, mix and filter', async () => {
  const search = async (body: object) => {
    const { hits } = (await (await post('/search', body)).json()) as { hits: { id: string; score: number }[] }
    return hits.map(({ id }) => id.split('/').at(-1))
  }
  expect(await search({ query: 'a slice of pizza', k: 1 })).toEqual(['pizza.png'])
  expect(await search({ query: [{ image: picture }, { text: 'a dog', weight: 0.1 }], k: 1 })).toEqual(['pizza.png'])
  expect(await search({ query: { image: picture }, where: "id LIKE '%airplane%'", exact: true })).toEqual([
    'airplane.png',
  ])
  expect(await codeOf(await post('/search', { query: 'x', where: 'colour = 1' }))).toBe('bad-filter')
})

it('is described by its OpenAPI file', async () => {
  const served = (await (await fetch(`${server.url}/openapi.json`)).json()) as typeof openapi
  expect(served).toEqual(openapi)
  await SwaggerParser.validate(structuredClone(served) as never)
  const engine = {} as ReturnType<typeof localEngine>
  const app = createApp(engine, { model: '', queue: 1, maxBody: 1, maxInputs: 1, timeout: 1 })
  const routes = app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`)
  const described = Object.entries(served.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(described.sort()).toEqual(routes.sort())
})

it("tells labels apart by the model's own loss: SigLIP's probabilities are of each label alone", async () => {
  const tower = { hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32 }
  const config = SiglipConfig.fromJSON({
    model_type: 'siglip',
    vision_config: { ...tower, image_size: 48, patch_size: 8 },
    text_config: { ...tower, vocab_size: 4096, max_position_embeddings: 32, projection_size: 32 },
  })
  await using model = await SiglipModel.fromConfig(config, { seed: 3 })
  const processor = await AutoProcessor.fromPretrained(fixture('models/emoji-vit-bert'))
  const options = { model: 'siglip', queue: 8, maxBody: 1e6, maxInputs: 8, timeout: 10_000 }
  const app = createApp(localEngine({ model, processor }), options)
  const socket = { host: '127.0.0.1', port: 0, timeout: 10_000 }
  const { url, stop } = await listen(app, socket, new Metrics())
  const body = JSON.stringify({ image: picture, labels: ['dog', 'pizza'], template: '{}' })
  const answer = await fetch(`${url}/classify`, { method: 'POST', body, headers: { connection: 'close' } })
  const { labels } = (await answer.json()) as { labels: { label: string; probability: number }[] }
  const inputs = await processor({ text: ['dog', 'pizza'], images: [join(SAMPLES, 'pizza.png')] })
  const { logitsPerImage } = await model.forward(inputs)
  const wanted = processor.postProcess({ logitsPerImage }, { loss: 'siglip' }).data
  for (const { label, probability } of labels) expect(probability).toBeCloseTo(wanted[label === 'dog' ? 0 : 1]!, 5)
  expect(labels[0]!.probability + labels[1]!.probability).not.toBeCloseTo(1, 1)
  await stop()
})

/** The start of a PNG file of so many pixels. */
const hugePng = () => {
  const start = Buffer.from(bytes.subarray(0, 33))
  start.writeUInt32BE(5000, 16)
  start.writeUInt32BE(5000, 20)
  return `data:image/png;base64,${Buffer.concat([start, bytes.subarray(33)]).toString('base64')}`
}

it.each<[number, string, string, () => unknown]>([
  [400, 'bad-json', '/v1/embeddings', () => '{"input":'],
  [400, 'bad-json', '/v1/embeddings', () => '[]'],
  [400, 'bad-input', '/v1/embeddings', () => ({ input: [7] })],
  [400, 'bad-input', '/v1/embeddings', () => ({ input: [] })],
  [400, 'bad-host', '/v1/embeddings', () => ({ input: { image: 'http://127.0.0.1/private.png' } })],
  [400, 'image-', '/v1/embeddings', () => ({ input: { image: 'data:image/png;base64,AAAA' } })],
  [400, 'image-', '/v1/embeddings', () => ({ input: { image: picture.slice(0, 400) } })],
  [400, 'image-', '/v1/embeddings', () => ({ input: { image: hugePng() } })],
  [400, 'bad-option', '/v1/embeddings', () => ({ input: 'a', dimensions: 4096 })],
  [400, 'bad-input', '/classify', () => ({ image: picture, labels: 'a dog' })],
  [400, 'bad-option', '/search', () => ({ query: 'a', k: 0 })],
  [400, 'bad-query', '/search', () => ({ query: [{ text: 'a' }, { text: 'a', weight: -1 }] })],
  [429, 'queue-full', '/v1/embeddings', () => ({ input: Array.from({ length: 65 }, () => 'a') })],
  [413, 'body-too-large', '/v1/embeddings', () => ({ input: 'a'.repeat(300_000) })],
  [404, 'not-found', '/nothing', () => ({})],
])('refuses with %i, %s at %s', async (status, code, path, body) => {
  const response = await post(path, body())
  expect([response.status, await codeOf(response)]).toEqual([status, expect.stringMatching(`^${code}`)])
  if (status === 429) expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
})

/** What comes back over a socket that is written to by hand. */
async function raw(start: string, drip?: string): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (data) => (answer += String(data)))
  socket.on('error', () => undefined)
  socket.write(start)
  const timer = drip === undefined ? undefined : setInterval(() => socket.write(drip), 50)
  await new Promise((done) => socket.on('close', done))
  clearInterval(timer)
  return answer
}
const HEAD = `POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n`

it('cuts off slow clients and bodies without an end, with an answer', async () => {
  const answers = await Promise.all([
    raw(`${HEAD}Content-Length: 1000\r\n\r\n`, ' '),
    raw(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, `4e20\r\n${'a'.repeat(20_000)}\r\n`),
    raw('POST /v1/embeddings HTTP/1.1\r\n', 'X-A: b\r\n'),
  ])
  expect(answers.map((answer) => /^HTTP\/1.1 (\d+)/.exec(answer)?.[1])).toEqual(['408', '413', '408'])
  expect(answers[0]).toContain('"too-slow"')
  expect(answers[1]).toContain('"body-too-large"')
}, 20_000)

it('has a typed answer to random bodies', async () => {
  const good = JSON.stringify({ input: ['a dog', { image: picture }], labels: ['a'], image: picture, query: 'a dog' })
  const statuses = await fuzz(server, good, { seed: 23, count: 300, headers: { authorization } })
  expect(Object.values(statuses).reduce((sum, n) => sum + n)).toBe(300)
  expect(statuses['400']).toBeGreaterThan(100)
}, 30_000)

it.each([
  ['a port that another has', () => ['--port', new URL(server.url).port], 'EADDRINUSE'],
  ['a model that is not there', () => ['--port', '0', '--model', './none'], 'source-not-found'],
])('ends with an error: %s', async (_, flags, code) => {
  const line = [process.execPath, await builtBin('serve'), 'serve', ...flags()].map((part) => `"${part}"`).join(' ')
  const { stderr, code: status } = await shell(line, { cwd: folder, env: process.env })
  expect([status, stderr]).toEqual([1, expect.stringContaining(code)])
})

it('wants a key, but for its health', async () => {
  expect((await post('/v1/embeddings', { input: 'a' }, 'Bearer nobody')).status).toBe(401)
  const health = await fetch(`${server.url}/healthz`)
  expect(await health.json()).toEqual({ status: 'ok', waiting: 0 })
})

it('tells Prometheus: each family has its type, and buckets add up', async () => {
  await (await post('/v1/embeddings', { input: ['a dog', 'a slice of pizza', 'a cat', 'an ant'] })).json()
  const text = await (await fetch(`${server.url}/metrics`)).text()
  const samples = text.split('\n').filter((line) => line && !line.startsWith('#'))
  const typed = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name))
  for (const line of samples) {
    const [, name = ''] = /^(\w+)(?:\{(?:\w+="[^"]*",?)+\})? \d+(?:\.\d+)?(?:e-\d+)?$/.exec(line) ?? []
    expect(typed.has(name.replace(/_(bucket|sum|count)$/, '')) || typed.has(name), line).toBe(true)
  }
  const value = (sample: string) =>
    Number(
      samples
        .find((line) => line.startsWith(`${sample} `))
        ?.split(' ')
        .at(-1),
    )
  const seconds = 'dual_encoder_request_seconds'
  expect(value(`${seconds}_bucket{path="/v1/embeddings",le="+Inf"}`)).toBe(
    value(`${seconds}_count{path="/v1/embeddings"}`),
  )
  expect(value('dual_encoder_inputs_total{kind="text"}')).toBeGreaterThan(3)
  expect(value('dual_encoder_tokens_total')).toBeGreaterThan(5)
  expect(value('dual_encoder_answers_total{path="/nothing",status="404"}')).toBeNaN()
})

it('is healthy at once while it computes, and answers what it has accepted when it is stopped', async () => {
  const input = Array.from({ length: 6 }, (_, i) => ({ image: i % 2 ? picture : picture.slice(0, -1) }))
  const counted = { sent: 0, answered: 0, health: [] as number[] }
  const statuses = new Set<number>()
  let running = true
  const before = Number(/requests_total (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())![1])
  const client = async () => {
    while (running) {
      counted.sent++
      const response = await post('/v1/embeddings', { input }).catch(() => undefined)
      if (!response) return
      statuses.add(response.status)
      await response.json()
      counted.answered++
    }
  }
  const clients = Array.from({ length: 8 }, client)
  while (counted.answered < 24 || counted.health.length < 20) {
    const asked = performance.now()
    await (await fetch(`${server.url}/healthz`)).text()
    counted.health.push(performance.now() - asked)
  }
  const { code, accepted, answered } = await server.stop()
  running = false
  await Promise.all(clients)
  expect([code, [...statuses]]).toEqual([0, [200]])
  expect(answered).toBe(accepted)
  // What came is what was answered to somebody; a connection that had not been taken yet is none of it.
  expect(counted.answered + counted.health.length + before).toBe(accepted)
  // The middle one: the machine that tests is busy with others.
  expect(counted.health.sort((a, b) => a - b)[counted.health.length >> 1]).toBeLessThan(50)
}, 30_000)
