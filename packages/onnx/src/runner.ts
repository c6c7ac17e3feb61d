import type { Tensor } from '@dual-encoder/core'
import {
  type Batch,
  type EncodeRequest,
  type EncoderOutput,
  type EncoderSpec,
  outputsByName,
  RunnerBase,
  type RunOptions,
  snakeCase,
  tensor,
  type Weights,
} from '@dual-encoder/core/backend'
import type { InferenceSession } from 'onnxruntime-common'
import { EncoderSessions } from './encoder-sessions'
import type { EngineOptions } from './options'
import type { OpenSession } from './session'

/** Runs one encoder on ONNX Runtime. */
export class OnnxRunner extends RunnerBase {
  readonly #sessions: EncoderSessions
  /** Execution providers of the sessions; empty before the first run. */
  providers: readonly string[] = []

  /** @param meanwhile called before sessions are made, while other threads make their weights */
  constructor(encoder: EncoderSpec, weights: Weights, options: EngineOptions, meanwhile?: () => Promise<void>) {
    super()
    this.#sessions = new EncoderSessions(encoder, weights, options, meanwhile)
  }

  /** Has other threads begin with what the first run will need. */
  begin(): Promise<void> {
    return this.#sessions.begin()
  }

  protected override async compute(batch: Batch, request: EncodeRequest, { signal }: RunOptions) {
    const inputsOf = (opened: OpenSession) => {
      this.providers = opened.providers
      return feedsOf(batch, opened)
    }
    return outputsOf(await this.#sessions.run(inputsOf, request, batch.imageSize, signal))
  }

  protected override async release(): Promise<void> {
    await this.#sessions.release()
  }
}

/** The inputs of a batch by their names in graphs. */
function feedsOf({ inputs }: Batch, { engine: { Tensor: OrtTensor } }: OpenSession): InferenceSession.OnnxValueMapType {
  const feeds = Object.entries(inputs).map(([name, { dtype, data, dims }]) => [
    snakeCase(name),
    new OrtTensor(dtype as 'float32', data as Float32Array, dims),
  ])
  return Object.fromEntries(feeds) as InferenceSession.OnnxValueMapType
}

/** Copies: the engine's memory may be reused. */
const outputsOf = (results: InferenceSession.OnnxValueMapType): Partial<EncoderOutput<Tensor>> =>
  outputsByName(
    new Map(
      Object.entries(results).map(([name, { data, dims }]) => [name, tensor((data as Float32Array).slice(), dims)]),
    ),
  )
