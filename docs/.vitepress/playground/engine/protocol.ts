import type { ModelName } from '../shipped.ts'

/** What the page asks of its engine, which runs in a worker, and what it hears. */
export type Backend = 'onnx-wasm' | 'onnx-webgpu' | 'tfjs' | 'webgpu'
/** What linear layers multiply in. */
export type Precision = 'float32' | 'int8'

export interface Loaded {
  readonly backend: Backend
  readonly precision: Precision
  /** Milliseconds until the first answer. */
  readonly ms: number
  readonly threads: number
  /** Of the weights. */
  readonly bytes: number
}

export interface Labelled {
  /** A share for each label, between 0 and 1. */
  readonly shares: readonly number[]
  /** Whether the shares add up to one. */
  readonly sumToOne: boolean
  readonly pictureMs: number
  readonly wordsMs: number
}

export interface Found {
  readonly scores: readonly { readonly id: string; readonly score: number }[]
  readonly ms: number
}

/** How much each part of a picture counts, and for what. */
export interface Look {
  /**
   * By `attention`, where the picture's summary looks: a row for each layer, a map for each head. By `words`, of towers
   * whose summary is a mean over the picture: one row, a map for each word, whose mean is the cosine.
   */
  readonly by: 'attention' | 'words'
  /** Rows and columns of parts. */
  readonly grid: readonly [number, number]
  /** `[rows][maps][rows * columns]` */
  readonly maps: readonly (readonly Float32Array[])[]
  /** The part of the picture's shorter side that the model sees, 1 where it sees the whole picture. */
  readonly crop?: number
}

export interface Compared {
  readonly backend: Backend
  readonly precision: Precision
  readonly error?: string
  readonly loadMs?: number
  /** A picture, after the first ones. */
  readonly pictureMs?: number
  readonly bytes?: number
  /** Of any logit, from those of the first row. */
  readonly difference?: number
  /** Pictures whose best word is that of the first row. */
  readonly agree?: number
  readonly pictures: number
}

export interface TrainOptions {
  readonly items: readonly { readonly id: string; readonly label: string }[]
  readonly epochs: number
  readonly learningRate: number
  readonly learns: 'everything' | 'words' | 'projections'
  readonly template: string
}

export interface TrainProgress {
  readonly step: number
  readonly steps: number
  readonly loss?: number
  /** Share of the pictures kept aside that get their own label, where it was looked at. */
  readonly heldOut?: number
  readonly learned?: number
}

export interface Trained {
  readonly before: number
  readonly after: number
  readonly heldOut: readonly { readonly id: string; readonly label: string; readonly given: string }[]
  readonly trainedOn: number
  readonly seconds: number
  /** Of the checkpoint. */
  readonly bytes: number
}

export interface FrameLike {
  readonly data: Uint8ClampedArray
  readonly width: number
  readonly height: number
}

/** The calls: their arguments, their answers, and what is heard before the answer. */
export interface Calls {
  /** Fetches a model, which answers from then on. */
  start(base: string, model: ModelName): { readonly webgpu: boolean }
  use(backend: Backend, precision: Precision): Loaded
  add(id: string, file: Blob): { readonly width: number; readonly height: number }
  remove(id: string): void
  label(picture: string | FrameLike, labels: readonly string[], template: string): Labelled
  find(query: string, ids: readonly string[]): Found
  look(id: string, labels: readonly string[], template: string): Look
  compare(ids: readonly string[], labels: readonly string[], template: string): void
  train(options: TrainOptions): Trained
  stop(): void
  /** The trained checkpoint as one zip; Python reads what is inside. */
  checkpoint(): Blob
  /** Which weights answer: the trained ones, or those that came with the page. */
  weights(which: 'shipped' | 'trained'): void
}
export type Call = keyof Calls
/** What a call tells before it ends. */
export interface Told {
  start: { readonly loaded: number; readonly total: number }
  compare: Compared
  train: TrainProgress
}

export interface Request {
  readonly id: number
  readonly call: Call
  readonly args: readonly unknown[]
}
export type Reply = { readonly id: number } & (
  | { readonly told: unknown }
  | { readonly result: unknown }
  | { readonly error: { readonly message: string; readonly docs?: string } }
)
