import {
  BackendError,
  DualEncoderError,
  type EncoderSpec,
  encoderWeights,
  Memo,
  type Weights,
} from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { leaveBackend, makeCurrent, startBackend } from './backend'
import type { DropoutMasks } from './dropout'
import { TfjsOps } from './ops'
import { checkTfjsOptions, type TfjsOptions } from './options'
import { outOfMemory, weightTensor } from './wasm'
import { KeptWeights, loadTensors, type TensorWeights } from './weights'

/** What runs encoders: a backend of TensorFlow.js, started once, and how weights and ops are made for it. */
export abstract class Engine {
  /** What the model was loaded with. */
  abstract readonly options: object
  readonly #started = new Memo<string>()
  #name?: string

  /** The backend of TensorFlow.js; undefined before it has started. */
  get name(): string | undefined {
    return this.#name
  }

  /** Starts the backend. @returns its name */
  protected abstract begin(): Promise<string>
  /** Nothing more is run. */
  protected end(): Promise<unknown> {
    return Promise.resolve()
  }

  /** Starts the backend, once; a failed start may be tried again. @returns its name */
  readonly start = (): Promise<string> => this.#started.get(() => this.begin().then((name) => (this.#name = name)))

  /** The next `start` begins anew. */
  protected restart(): void {
    this.#started.forget()
  }

  async leave(): Promise<void> {
    if (this.#started.current) await this.end()
  }

  /** An encoder's weights on the started backend, for inference. */
  abstract load(encoder: EncoderSpec, weights: Weights): Promise<KeptWeights>

  /** Whether a run that failed may have left wrong values in what is kept of the weights: they are loaded again. */
  spoilsWeights(_error: unknown): boolean {
    return false
  }

  ops(weights: TensorWeights, masks?: DropoutMasks): TfjsOps {
    return new TfjsOps(weights, masks)
  }

  /** Computes tensors, in one turn, reads what is wanted of them and disposes of them. */
  async run<T extends tf.TensorContainer, R>(compute: () => T, read: (outputs: T) => Promise<R>): Promise<R> {
    makeCurrent(await this.start())
    const outputs = computing(() => tf.tidy(compute))
    try {
      return await read(outputs)
    } finally {
      tf.dispose(outputs)
    }
  }
}

/** cpu, wasm and webgl. */
export class TfjsEngine extends Engine {
  constructor(readonly options: TfjsOptions) {
    super()
    checkTfjsOptions(options)
  }

  protected override begin(): Promise<string> {
    return startBackend(this.options, this)
  }
  protected override end(): Promise<unknown> {
    return leaveBackend(this)
  }

  override async load(encoder: EncoderSpec, weights: Weights): Promise<KeptWeights> {
    const name = await this.start()
    const entries = encoderWeights(encoder, weights)
    return new KeptWeights(await loadTensors(entries, () => makeCurrent(name), { tensorOf: weightTensor }), true)
  }
}

/** What TensorFlow.js throws, as ours. */
export function computing<T>(compute: () => T): T {
  try {
    return compute()
  } catch (cause) {
    if (cause instanceof DualEncoderError) throw cause
    if (cause instanceof WebAssembly.RuntimeError && cause.message.includes('out of bounds')) throw outOfMemory(cause)
    throw new BackendError('engine-failed', `TensorFlow.js failed: ${(cause as Error).message}`, { cause })
  }
}
