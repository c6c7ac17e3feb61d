import type { WeightEntry } from '@dual-encoder/core/backend'
import type { InferenceSession, TensorConstructor } from 'onnxruntime-common'
import type { TensorProto } from '../graph/proto'
import type { OnnxOptions } from '../options'
import type { Store } from './store'

/** Weights made ready for a session. */
export interface StoredWeights {
  /** Where a graph finds the bytes of a weight, from its first row. */
  dataOf(entry: WeightEntry): TensorProto['data']
  /** What the session needs to find them. */
  readonly sessionOptions: InferenceSession.SessionOptions
  /** Called when the session has taken the weights, and when it could not. */
  release(): Promise<void>
}

/** What is asked of a session, whichever thread it is on. */
export interface Session extends Pick<InferenceSession, 'inputNames' | 'outputNames' | 'release'> {
  run(
    feeds: InferenceSession.FeedsType,
    fetches: InferenceSession.FetchesType,
  ): Promise<InferenceSession.OnnxValueMapType>
}

export interface Engine {
  create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<Session>
  readonly Tensor: TensorConstructor
}

/** What differs between onnxruntime-node and onnxruntime-web. Chosen by package conditions: `#runtime`. */
export interface Runtime {
  /** Providers used where the caller asks for none. */
  readonly defaultProviders: readonly string[]
  /** Whether the option `worker` is one here. */
  readonly hasWorker: boolean
  /** Runs an engine call, after those before it where the engine takes one at a time. */
  inTurn<T>(call: () => Promise<T>): Promise<T>
  /** @throws BackendError where a provider is not to be had, OptionError where so many threads are not. */
  load(providers: readonly string[], options: OnnxOptions): Promise<Engine>
  /** Weights of so many bytes will be made: starts threads that do so beside this one, where there are any. */
  startThreads(bytes: number): boolean
  /** @param asked where there are threads beside this one: what comes before this one does its part */
  storeWeights(entries: readonly WeightEntry[], asked?: () => Promise<void> | undefined): Promise<StoredWeights>
  /** Where a training run keeps its tensors. The engine is loaded. */
  openStore(engine: Engine): Promise<Store>
}
