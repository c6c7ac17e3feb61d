import { cachedModels, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'

export interface EmbedRequest {
  readonly endpoint: string
  /** Where the package's wasm lies. */
  readonly wasm: string
  readonly text: readonly string[]
  /** A picture's bytes. */
  readonly picture: readonly number[]
  readonly localFilesOnly?: boolean
}

export interface Embedded {
  readonly where: string
  readonly text: number[]
  readonly image: number[]
  readonly cached: string[]
}

/** Loads a model by its name and embeds texts and a picture: the same in a page, an extension and a service worker. */
async function embed({ endpoint, wasm, text, picture, localFilesOnly }: EmbedRequest): Promise<Embedded> {
  const options = { endpoint, localFilesOnly }
  const model = await VisionTextDualEncoderModel.fromPretrained('org/emoji', { ...options, wasmPaths: { wasm } })
  const processor = await VisionTextDualEncoderProcessor.fromPretrained('org/emoji', options)
  // Several pictures, so that threads would be started where there are any.
  const images = Array.from({ length: 3 }, () => new Blob([Uint8Array.from(picture)]))
  const { textEmbeds, imageEmbeds } = await model.forward(await processor({ text: [...text], images }))
  await model.dispose()
  return {
    where: globalThis.constructor.name,
    text: [...textEmbeds.data].map(Number),
    image: [...imageEmbeds.data].map(Number),
    cached: (await cachedModels({ endpoint })).map(({ name }) => name),
  }
}

Object.assign(globalThis, { embed })

// As a service worker: a page sends what it wants and a port for the answer.
globalThis.addEventListener('message', ({ data, ports: [port] }: MessageEvent<EmbedRequest>) => {
  if (!port) return
  embed(data).then(
    (value) => port.postMessage({ value }),
    (error: unknown) => port.postMessage({ error: String(error) }),
  )
})
