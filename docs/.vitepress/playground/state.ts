import { inject, type InjectionKey, markRaw, provide, reactive } from 'vue'
import { Engine } from './engine/client.ts'
import type { Backend, Loaded, Precision } from './engine/protocol.ts'
import { bytesOf, type ModelName, MODELS, type PictureSet, type Shipped } from './shipped.ts'

export interface Picture {
  readonly id: string
  readonly name: string
  readonly file: Blob
  /** Of the file, for `<img>`. */
  readonly url: string
  readonly credit?: string
  /** In the training tab. */
  label: string
}

export const BACKENDS: Readonly<Record<Backend, { readonly title: string; readonly about: string }>> = {
  'onnx-wasm': { title: 'ONNX Runtime, processor', about: '@dual-encoder/onnx on wasm' },
  'onnx-webgpu': { title: 'ONNX Runtime, graphics card', about: '@dual-encoder/onnx on WebGPU' },
  tfjs: { title: 'TensorFlow.js, processor', about: '@dual-encoder/tfjs on wasm' },
  webgpu: { title: 'Own WebGPU kernels, graphics card', about: '@dual-encoder/webgpu' },
}
export const NEEDS_GPU: readonly Backend[] = ['onnx-webgpu', 'webgpu']
/** Where linear layers multiply in int8. */
export const HAS_INT8: readonly Backend[] = ['onnx-wasm']
export const FETCHING = 'Fetching the model'

const ACCEPTED = /^image\//
let count = 0

/** What the page knows: one object, which its parts share. */
export class Playground {
  shipped?: Shipped
  model: ModelName = 'pictures'
  pictures: Picture[] = []
  selected?: string
  labels = ''
  template: string = MODELS.pictures.template
  backend: Backend = 'onnx-wasm'
  precision: Precision = 'float32'
  loaded?: Loaded
  webgpu = false
  /** Of the download, from 0 to 1. */
  progress = 0
  busy = 'Starting'
  error?: { readonly message: string; readonly docs?: string }
  weights: 'shipped' | 'trained' = 'shipped'
  /** Counts what makes answers stale: another model, other weights. */
  turn = 0
  isolated = false
  offline: 'no' | 'fetching' | 'yes' | 'unable' = 'no'

  constructor(
    private readonly base: string,
    readonly engine: Engine,
  ) {}

  get ready(): boolean {
    return this.loaded !== undefined && this.busy === ''
  }
  get words(): string[] {
    return [...new Set(this.labels.split(/[,\n]/).map((word) => word.trim()))].filter((word) => word !== '')
  }
  get picture(): Picture | undefined {
    return this.pictures.find(({ id }) => id === this.selected)
  }

  /** Runs something, and shows what went wrong with it. What runs by itself (`live`) leaves an error before it in sight. */
  async attempt<T>(action: () => Promise<T>, { live = false } = {}): Promise<T | undefined> {
    try {
      if (!live) this.error = undefined
      return await action()
    } catch (error) {
      const { message, docs } = error as { message: string; docs?: string }
      this.error = { message, docs }
      return undefined
    }
  }

  async start(): Promise<void> {
    this.isolated = globalThis.crossOriginIsolated
    await this.attempt(async () => {
      this.busy = FETCHING
      this.shipped = (await (await fetch(`${this.base}playground/shipped.json`)).json()) as Shipped
      await Promise.all([this.show(MODELS[this.model].pictures), this.choose(this.model)])
    })
    this.busy = ''
  }

  /** Fetches a model of the site, where it is not here yet, and loads it. */
  async choose(model: ModelName): Promise<void> {
    this.busy = FETCHING
    this.progress = 0
    try {
      const { webgpu } = await this.engine.follow(
        'start',
        ({ loaded, total }) => (this.progress = total > 0 ? loaded / total : 0),
        new URL(this.base, location.href).href,
        model,
      )
      Object.assign(this, { model, webgpu, weights: 'shipped', template: MODELS[model].template })
    } finally {
      this.busy = ''
    }
    await this.use(this.backend, this.precision)
  }

  /** Of a model's files. */
  bytesOf(model: ModelName): number {
    return bytesOf(this.shipped?.models[model].files ?? {})
  }

  /** Loads the model on a backend; the one before stays chosen where that fails. */
  async use(backend: Backend, precision: Precision): Promise<void> {
    const before = this.loaded
    const taken = HAS_INT8.includes(backend) ? precision : 'float32'
    this.busy = `Loading: ${BACKENDS[backend].title}`
    try {
      this.loaded = await this.engine.call('use', backend, taken)
      Object.assign(this, { backend, precision: taken })
    } catch (error) {
      this.loaded = undefined
      if (before) {
        this.loaded = await this.engine.call('use', before.backend, before.precision)
        Object.assign(this, { backend: before.backend, precision: before.precision })
      }
      throw error
    } finally {
      this.busy = ''
      this.turn++
    }
  }

  async takeWeights(which: 'shipped' | 'trained'): Promise<void> {
    await this.engine.call('weights', which)
    this.weights = which
    await this.use(this.backend, this.precision)
  }

  /** Shows a set of the pictures that ship, beside those that are there. */
  async show(set: PictureSet): Promise<void> {
    const shipped = this.shipped
    if (!shipped) return
    const added = await Promise.all(
      shipped.sets[set].map(async ({ file, label, credit }) => {
        const url = new URL(`${this.base}${file}`, location.href).href
        if (this.pictures.some((picture) => picture.url === url)) return undefined
        const blob = await (await fetch(url)).blob()
        return this.known({ name: label, file: blob, url, credit })
      }),
    )
    await this.take(added.filter((picture) => picture !== undefined))
    const words = [...this.words, ...shipped.sets[set].map(({ label }) => label)]
    this.labels = [...new Set(words)].join(', ')
  }

  /** Pictures of the user's: what cannot be read is named. */
  async add(files: Iterable<File>): Promise<void> {
    const all = [...files]
    const pictures = all
      .filter(({ type, name }) => ACCEPTED.test(type) || /\.(heic|heif|tiff?)$/i.test(name))
      .map((file) => this.known({ name: file.name, file, url: URL.createObjectURL(file) }))
    if (pictures.length < all.length) this.error = { message: 'Only pictures can be added.' }
    await this.take(pictures)
    const last = pictures.at(-1)
    if (last && this.pictures.some(({ id }) => id === last.id)) this.selected = last.id
  }

  private known(picture: Omit<Picture, 'id' | 'label'>): Picture {
    return { ...picture, id: `picture-${++count}`, label: '' }
  }

  private async take(pictures: readonly Picture[]): Promise<void> {
    for (const picture of pictures)
      await this.attempt(async () => {
        await this.engine.call('add', picture.id, picture.file)
        this.pictures.push(picture)
        this.selected ??= picture.id
      })
  }

  async remove(id: string): Promise<void> {
    const at = this.pictures.findIndex((picture) => picture.id === id)
    const [gone] = this.pictures.splice(at, 1)
    if (gone?.url.startsWith('blob:')) URL.revokeObjectURL(gone.url)
    if (this.selected === id) this.selected = this.pictures[Math.min(at, this.pictures.length - 1)]?.id
    await this.engine.call('remove', id)
  }
}

const KEY: InjectionKey<Playground> = Symbol('playground')

export function createPlayground(base: string): Playground {
  const playground = reactive(new Playground(base, markRaw(new Engine()))) as Playground
  provide(KEY, playground)
  return playground
}
export const usePlayground = (): Playground => inject(KEY)!

export const percent = (share: number): string => `${(100 * share).toFixed(share >= 0.0005 && share < 0.0995 ? 1 : 0)}%`
export const milliseconds = (ms: number): string =>
  ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`
export const megabytes = (bytes: number, digits = 1): string => `${(bytes / 1e6).toFixed(digits)} MB`
