import {
  AutoProcessor,
  labelProbabilities,
  loadImage,
  sentenceOf,
  type Tensor,
  tensor,
  topK,
  type VisionTextDualEncoderProcessor,
} from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import { zipSync } from 'fflate'
import type { ModelName, Shipped } from '../shipped.ts'
import { look } from './look.ts'
import { download, type MemoryFolder, open, type Opened } from './models.ts'
import type {
  Backend,
  Call,
  Calls,
  Compared,
  FrameLike,
  Labelled,
  Precision,
  Reply,
  Request,
  Told,
} from './protocol.ts'
import { train } from './training.ts'

type Answers = {
  [C in Call]: (
    args: Parameters<Calls[C]>,
    told: (value: C extends keyof Told ? Told[C] : never) => void,
  ) => Promise<ReturnType<Calls[C]>>
}

/** Models that have been fetched. */
const fetched = new Map<ModelName, readonly File[]>()
let shipped: readonly File[] = []
let trained: MemoryFolder | undefined
/** What answers now. */
let files: readonly File[] = []
let processor: VisionTextDualEncoderProcessor
let current: Opened | undefined
let training: AbortController | undefined

const pictures = new Map<string, Blob>()
/** Of the current model: embeddings of pictures and of texts, `[1, D]`. */
const known = { pictures: new Map<string, Tensor>(), texts: new Map<string, Tensor>() }

const pictureOf = (id: string): Blob => {
  const picture = pictures.get(id)
  if (!picture) throw new Error('That picture is no longer here.')
  return picture
}

function model(): DualEncoderModel {
  if (!current) throw new Error('No model has been loaded yet.')
  return current.model
}

function forget(): void {
  known.pictures.clear()
  known.texts.clear()
}

async function close(): Promise<void> {
  const before = current
  current = undefined
  forget()
  await before?.model.dispose()
}

/** A grey picture and a word: what loads everything. */
const firstAnswer = async (model: DualEncoderModel): Promise<unknown> =>
  model.forward(
    await processor({
      images: [{ data: new Uint8Array(64 * 64 * 3).fill(128), width: 64, height: 64, channels: 3 }],
      text: ['a'],
    }),
  )

const seen = (picture: Blob | FrameLike) =>
  picture instanceof Blob ? picture : { ...picture, width: picture.width, height: picture.height, channels: 4 }

async function embedPicture(picture: string | FrameLike): Promise<Tensor> {
  const cached = typeof picture === 'string' ? known.pictures.get(picture) : undefined
  if (cached) return cached
  const images = [seen(typeof picture === 'string' ? pictureOf(picture) : picture)]
  const embeds = await model().getImageFeatures(await processor({ images }), { normalize: true })
  if (typeof picture === 'string') known.pictures.set(picture, embeds)
  return embeds
}

async function embedTexts(texts: readonly string[]): Promise<Tensor[]> {
  const fresh = [...new Set(texts)].filter((text) => !known.texts.has(text))
  // One by one, as they are typed: no padding, and the next key finds them here.
  for (const text of fresh)
    known.texts.set(text, await model().getTextFeatures(await processor({ text: [text] }), { normalize: true }))
  return texts.map((text) => known.texts.get(text)!)
}

/** Rows `[1, D]` as `[N, D]`. */
const stacked = (rows: readonly Tensor[]): Tensor =>
  tensor(
    rows.flatMap(({ data }) => [...(data as Float32Array)]),
    [rows.length, rows[0]?.data.length ?? 0],
  )

async function labelled(picture: string | FrameLike, labels: readonly string[], template: string): Promise<Labelled> {
  const start = performance.now()
  const image = await embedPicture(picture)
  const middle = performance.now()
  const texts = await embedTexts(labels.map((label) => sentenceOf(template, label)))
  const end = performance.now()
  const shares = [...(await labelProbabilities(model(), image, stacked(texts))).data]
  return { shares, sumToOne: model().config.loss === 'clip', pictureMs: middle - start, wordsMs: end - middle }
}

/** Times a comparison measures each engine, and the milliseconds after which it measures no more. */
const MEASURED = { times: 3, ms: 3000 }
const COMPARED: readonly (readonly [Backend, Precision])[] = [
  ['onnx-wasm', 'float32'],
  ['tfjs', 'float32'],
  ['webgpu', 'float32'],
  ['onnx-webgpu', 'float32'],
  ['onnx-wasm', 'int8'],
]

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)

const bestOf = (logits: Tensor): number[] => {
  const [rows = 0, columns = 0] = logits.dims
  return Array.from({ length: rows }, (_, row) => {
    const values = Array.from(logits.data.slice(row * columns, (row + 1) * columns) as Float32Array)
    return values.indexOf(Math.max(...values))
  })
}

/** Every backend on the same input, one after the other. */
async function compare(
  ids: readonly string[],
  labels: readonly string[],
  template: string,
  told: (row: Compared) => void,
): Promise<void> {
  const text = labels.map((label) => sentenceOf(template, label))
  const inputs = await processor({ images: ids.map(pictureOf), text, padding: true })
  let wanted: Tensor | undefined
  for (const [backend, precision] of COMPARED) {
    const row = { backend, precision, pictures: ids.length }
    try {
      const opened = await open(backend, precision, files, firstAnswer)
      try {
        const { logitsPerImage } = await opened.model.forward(inputs)
        const times: number[] = []
        const begin = performance.now()
        while (times.length === 0 || (times.length < MEASURED.times && performance.now() - begin < MEASURED.ms)) {
          const start = performance.now()
          await opened.model.getImageFeatures(inputs)
          times.push((performance.now() - start) / ids.length)
        }
        const { ms: loadMs, bytes } = opened.loaded
        const best = bestOf(logitsPerImage)
        const agree = wanted ? bestOf(wanted).filter((at, i) => at === best[i]).length : ids.length
        const difference = wanted ? largest(logitsPerImage.data as Float32Array, wanted.data as Float32Array) : 0
        wanted ??= logitsPerImage
        told({ ...row, loadMs, bytes, pictureMs: Math.min(...times), difference, agree })
      } finally {
        await opened.model.dispose()
      }
    } catch (error) {
      told({ ...row, error: (error as Error).message })
    }
  }
}

const answers: Answers = {
  async start([base, name], told) {
    const { models } = (await (await fetch(new URL('playground/shipped.json', base))).json()) as Shipped
    const { folder, files: sizes } = models[name]
    const arrived = fetched.get(name) ?? (await download(new URL(folder, base).href, sizes, told))
    fetched.set(name, arrived)
    await close()
    processor = (await AutoProcessor.fromPretrained(arrived)) as VisionTextDualEncoderProcessor
    shipped = files = arrived
    trained = undefined
    const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } }
    return { webgpu: Boolean(await gpu?.requestAdapter().catch(() => null)) }
  },
  async use([backend, precision]) {
    await close()
    current = await open(backend, precision, files, firstAnswer)
    return current.loaded
  },
  async add([id, file]) {
    const { width, height } = await loadImage(file)
    pictures.set(id, file)
    return { width, height }
  },
  remove([id]) {
    pictures.delete(id)
    known.pictures.delete(id)
    return Promise.resolve()
  },
  label: ([picture, labels, template]) => labelled(picture, labels, template),
  async find([query, ids]) {
    const start = performance.now()
    const [text] = await embedTexts([query])
    const images: Tensor[] = []
    for (const id of ids) images.push(await embedPicture(id))
    const [hits = []] = images.length > 0 ? topK(text!, stacked(images), images.length) : []
    return { scores: hits.map(({ index, score }) => ({ id: ids[index]!, score })), ms: performance.now() - start }
  },
  async look([id, labels, template]) {
    const inputs = await processor({ images: [pictureOf(id)], text: ['a'] })
    return look(model(), files, inputs, await embedTexts(labels.map((label) => sentenceOf(template, label))))
  },
  compare: ([ids, labels, template], told) => compare(ids, labels, template, told),
  async train([options], told) {
    training = new AbortController()
    const { folder, ...result } = await train(shipped, processor, pictureOf, options, told, training.signal)
    trained = folder
    return result
  },
  stop() {
    training?.abort(new Error('Stopped.'))
    return Promise.resolve()
  },
  async checkpoint() {
    if (!trained) throw new Error('Nothing has been trained yet.')
    const entries = [...trained.files].map(async ([name, file]) => [name, new Uint8Array(await file.arrayBuffer())])
    return new Blob([zipSync(Object.fromEntries(await Promise.all(entries)), { level: 0 }) as Uint8Array<ArrayBuffer>])
  },
  async weights([which]) {
    files = which === 'trained' && trained ? [...trained.files.values()] : shipped
    await close()
  },
}

/** Calls that use the model come one after the other; `stop` and pictures do not wait. */
const ASIDE: readonly Call[] = ['stop', 'add', 'remove']
let last: Promise<unknown> = Promise.resolve()

globalThis.onmessage = ({ data: { id, call, args } }: MessageEvent<Request>) => {
  const reply = (message: Reply) => (globalThis as unknown as Worker).postMessage(message)
  const answer = () => (answers[call] as (args: unknown, told: unknown) => Promise<unknown>)(args, told)
  const told = (value: unknown) => reply({ id, told: value })
  const answered = (ASIDE.includes(call) ? answer() : (last = last.then(answer, answer))) as Promise<unknown>
  answered.then(
    (result) => reply({ id, result }),
    ({ message, docs }: Error & { docs?: string }) => reply({ id, error: { message, docs } }),
  )
}
