import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundledPage, type BundledPage } from '../../../tools/browser/bundled-page'
import { FakeHub } from '../../../tools/hub/fake-hub'
import type { Embedded, EmbedRequest } from './embed-page'

const TIMEOUT = 120_000
const MODEL = fileURLToPath(new URL('../../models/emoji-vit-bert', import.meta.url))
const ORT = fileURLToPath(new URL('../../../node_modules/onnxruntime-web/dist', import.meta.url))
const TEXT = ['a cat', 'a red apple']

let hub: FakeHub
let bundled: BundledPage
let picture: Buffer

beforeAll(async () => {
  hub = await FakeHub.start()
  await hub.publish('org/emoji', MODEL)
  picture = await readFile(`${MODEL}/samples/airplane.png`)
  // The page itself, the hub and where it redirects: nothing else is fetched, and no code comes from elsewhere.
  const csp = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' ${hub.url} ${hub.cdn}`
  bundled = await bundledPage(new URL('embed-page.ts', import.meta.url), { '/ort': ORT }, { csp })
}, TIMEOUT)
afterAll(async () => {
  await bundled?.close()
  await hub?.close()
})

async function inNode(): Promise<{ text: number[]; image: number[] }> {
  await using model = await VisionTextDualEncoderModel.fromPretrained(MODEL)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(MODEL)
  const inputs = await processor({ text: TEXT, images: [picture, picture, picture] })
  const { textEmbeds, imageEmbeds } = await model.forward(inputs)
  return { text: [...textEmbeds.data].map(Number), image: [...imageEmbeds.data].map(Number) }
}

it(
  'a service worker loads a model by its name, embeds, and does so again without a network',
  { timeout: TIMEOUT },
  async () => {
    const page = await bundled.browser.newPage()
    const inWorker = async (given: Partial<EmbedRequest> = {}) => {
      await page.goto(`${bundled.server.url}/index.html`)
      return page.evaluate(
        async (request) => {
          await navigator.serviceWorker.register('page.js', { type: 'module' })
          const { active } = await navigator.serviceWorker.ready
          const { port1, port2 } = new MessageChannel()
          const answer = new Promise<{ value?: Embedded; error?: string }>((resolve) => {
            port1.onmessage = ({ data }) => resolve(data as never)
          })
          active?.postMessage(request, [port2])
          return answer
        },
        {
          endpoint: hub.url,
          wasm: `${bundled.server.url}/ort/ort-wasm-simd-threaded.wasm`,
          text: TEXT,
          picture: [...picture],
          ...given,
        },
      )
    }
    const expected = await inNode()
    const first = await inWorker()
    expect(first).toMatchObject({ value: { where: 'ServiceWorkerGlobalScope', cached: ['org/emoji'] } })
    for (const kind of ['text', 'image'] as const) {
      const far = first.value![kind].map((value, i) => Math.abs(value - expected[kind][i]!))
      expect(far.length).toBe(expected[kind].length)
      expect(Math.max(...far)).toBeLessThan(1e-5)
    }
    hub.requests.length = 0
    expect(await inWorker({ localFilesOnly: true })).toEqual(first)
    expect(hub.requests).toEqual([])
    hub.fault = () => ({ kind: 'reset' })
    expect(await inWorker()).toEqual(first)
  },
)
