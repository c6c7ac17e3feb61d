import type { dropoutFactors } from '@dual-encoder/core/training'
import type { InferenceSession } from 'onnxruntime-common'

/** A tensor as it crosses threads. */
export interface Plain {
  readonly dims: readonly number[]
  readonly dtype: string
  readonly data: Float32Array | BigInt64Array
}

/** What is stored under a key, or those rows of it. */
export interface Kept {
  readonly key: string
  readonly rows?: readonly [start: number, end: number]
}

/** The factors of a dropout, which the store draws: what a call names of them crosses threads, not they. */
export interface Drawn {
  readonly dropout: Parameters<typeof dropoutFactors>[0]
  readonly dims: readonly number[]
  readonly rate: number
  readonly tokens: number
}

export interface RunCall {
  readonly session: string
  /** Inputs by their names in the graph: what is stored, what is given, or what is drawn. */
  readonly feeds: Readonly<Record<string, Kept | Plain | Drawn>>
  /** Outputs that are stored; `inPlace` over what was read under that key. */
  readonly stores: Readonly<Record<string, Kept & { readonly inPlace: boolean }>>
  /** Outputs that are returned, and their sizes where those are known before: float32. */
  readonly returns: Readonly<Record<string, readonly number[] | undefined>>
}

export interface SessionNames {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/** What a run asks of a store, on this thread or another. */
export interface Store {
  /**
   * @param model the store's from then on, alone in its memory
   * @returns names of the inputs that the engine wants, and of the outputs
   */
  open(name: string, model: Uint8Array, settings: InferenceSession.SessionOptions): Promise<SessionNames>
  /** Frees what a session holds: its arena is as large as all that one run computes. */
  close(name: string): Promise<void>
  /** What is given is the store's from then on. */
  put(values: Readonly<Record<string, Plain>>): Promise<void>
  /** Stores float32 zeros of these sizes. */
  zero(sizes: Readonly<Record<string, readonly number[]>>): Promise<void>
  read(keys: readonly string[]): Promise<Record<string, Plain>>
  run(call: RunCall): Promise<Record<string, Plain>>
  dispose(): Promise<void>
}

/** The calls of a store as messages between threads. */
export type StoreCall = Exclude<keyof Store, 'dispose'>
export interface StoreRequest {
  readonly id: number
  readonly call: StoreCall
  readonly args: readonly unknown[]
  /** Memory of arguments that goes back with the answer. */
  readonly lent: ArrayBuffer[]
}
export type StoreAnswer = Pick<StoreRequest, 'id' | 'lent'> & ({ readonly value: unknown } | { readonly error: string })
