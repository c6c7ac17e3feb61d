import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AutoProcessor, probabilitiesOf, SiglipConfig } from '@dual-encoder/core'
import { SiglipModel } from '@dual-encoder/onnx'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApp } from '../src/server/app'
import { localEngine } from '../src/server/engine'
import { builtBin } from './bin'
import { fixture, SAMPLES } from './cli'

let server: ChildProcess
let url: string
let openai: OpenAI
let picture: string
beforeAll(async () => {
  const env = { ...process.env, DUAL_ENCODER_MODEL: fixture('models/emoji-vit-bert'), DUAL_ENCODER_API_KEYS: 'secret' }
  const args = [await builtBin('serve'), 'serve', '--port', '0', '--json', '--queue', '64', '--max-body', '200000']
  server = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(server.stdout!, 'data')) as [Buffer]
  url = (JSON.parse(String(line)) as { url: string }).url
  openai = new OpenAI({ apiKey: 'secret', baseURL: `${url}/v1`, maxRetries: 0 })
  picture = `data:image/png;base64,${(await readFile(join(SAMPLES, 'pizza.png'))).toString('base64')}`
}, 60_000)
afterAll(() => {
  server.kill('SIGKILL')
})

const post = (path: string, body: unknown, key = 'secret') =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string } }).error.code

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
  const { data } = (await response.json()) as { data: { embedding: number[] }[] }
  const [pizza, image, dog] = data.map(({ embedding }) => embedding)
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, d) => sum + value * b[d]!, 0)
  expect(dot(image!, pizza!)).toBeGreaterThan(dot(image!, dog!))
  const classified = await post('/classify', { image: picture, labels: ['dog', 'pizza'], template: '{}' })
  const { labels } = (await classified.json()) as { labels: { label: string; probability: number }[] }
  expect(labels[0]!.label).toBe('pizza')
  expect(labels[0]!.probability + labels[1]!.probability).toBeCloseTo(1)
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
  const app = createApp(localEngine({ model, processor }), { model: 'siglip', queue: 8, maxBody: 1e6, maxInputs: 8 })
  const body = JSON.stringify({ image: picture, labels: ['dog', 'pizza'], template: '{}' })
  const answer = await app.request('/classify', { method: 'POST', body })
  const { labels } = (await answer.json()) as { labels: { label: string; probability: number }[] }
  const inputs = await processor({ text: ['dog', 'pizza'], images: [join(SAMPLES, 'pizza.png')] })
  const { logitsPerImage } = await model.forward(inputs)
  const wanted = probabilitiesOf(logitsPerImage, 'siglip').data
  for (const { label, probability } of labels) expect(probability).toBeCloseTo(wanted[label === 'dog' ? 0 : 1]!, 5)
  expect(labels[0]!.probability + labels[1]!.probability).not.toBeCloseTo(1, 1)
})

it.each([
  [400, 'bad-json', '/v1/embeddings', '{"input":'],
  [400, 'bad-input', '/v1/embeddings', { input: [7] }],
  [400, 'bad-input', '/v1/embeddings', { input: { image: 'http://127.0.0.1/private.png' } }],
  [400, 'image-', '/v1/embeddings', { input: { image: 'data:image/png;base64,AAAA' } }],
  [400, 'bad-option', '/v1/embeddings', { input: 'a', dimensions: 4096 }],
  [429, 'queue-full', '/v1/embeddings', { input: Array.from({ length: 65 }, () => 'a') }],
  [413, 'body-too-large', '/v1/embeddings', { input: 'a'.repeat(300_000) }],
  [404, 'not-found', '/nothing', {}],
] as const)('refuses with %i, %s', async (status, code, path, body) => {
  const response = await post(path, body)
  expect([response.status, await codeOf(response)]).toEqual([status, expect.stringMatching(`^${code}`)])
  if (status === 429) expect(response.headers.get('retry-after')).toBe('1')
})

it('wants a key, but for its health', async () => {
  expect((await post('/v1/embeddings', { input: 'a' }, 'other')).status).toBe(401)
  const health = await fetch(`${url}/healthz`)
  expect(await health.json()).toEqual({ status: 'ok', waiting: 0 })
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/dual_encoder_texts_total \d+\n/)
})

it('is healthy while it computes, and answers what it has accepted when it is stopped', async () => {
  const accepted = async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    return Number(/requests_total (\d+)/.exec(metrics)![1])
  }
  const before = await accepted()
  const input = [...Array.from({ length: 6 }, (_, i) => `${i} dogs`), { image: picture }]
  const answers = Array.from({ length: 8 }, () => post('/v1/embeddings', { input }))
  while ((await accepted()) < before + 8) expect((await fetch(`${url}/healthz`)).status).toBe(200)
  server.kill('SIGTERM')
  const ended = once(server, 'close')
  const settled = await Promise.allSettled(answers)
  expect(settled.map((one) => one.status === 'fulfilled' && one.value.status)).toEqual(new Array(8).fill(200))
  expect((await ended)[0]).toBe(0)
})
