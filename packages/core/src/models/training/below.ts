import { ConfigError } from '../../base/errors'
import type { Tensor } from '../../base/tensor'
import type { Batch, EncoderRunner, EncoderSpec, EncodeRequest } from '../encoder'
import { encoderLayers } from '../parameters'
import { sideOf, type TrainingInputs } from './run'

/** Where a tower is cut for good: what enters a layer (from 0 on), or its pooled output. */
export type CutAt = number | 'pooled'

/**
 * What is locked of a tower, by itself: computed once for pictures and texts that come again and again while the part
 * above is trained.
 */
export class BelowCuts {
  readonly #runners = new Map<string, EncoderRunner>()

  constructor(private readonly createRunner: (encoder: EncoderSpec) => EncoderRunner) {}

  /**
   * `[B, L, D]`, or the pooled `[B, D]`, without dropout.
   * @throws ConfigError for a layer that the tower does not have, or that is not of one kind with the others
   */
  async output(
    encoder: EncoderSpec,
    inputs: TrainingInputs,
    at: CutAt,
    signal?: AbortSignal,
  ): Promise<Tensor<'float32'>> {
    const key = `${encoder.kind} ${at}`
    checkCut(encoder, at)
    const runner = this.#runners.get(key) ?? this.createRunner(encoder)
    this.#runners.set(key, runner)
    const request: EncodeRequest = at === 'pooled' ? { poolerOutput: true } : { entering: { at } }
    const { poolerOutput, entering } = await runner.run(sideOf(encoder, inputs) as Batch, request, { signal })
    return (at === 'pooled' ? poolerOutput : entering) as Tensor<'float32'>
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.dispose()))
    this.#runners.clear()
  }
}

function checkCut(encoder: EncoderSpec, at: CutAt): void {
  if (at === 'pooled') return
  const { count } = encoderLayers(encoder)
  if (!(Number.isInteger(at) && at >= 0 && at <= count && count > 0))
    throw new ConfigError(
      'no-such-layer',
      `Layer ${at} of the ${encoder.kind} tower (${encoder.config.modelType}) was asked for; ` +
        (count > 0 ? `0 to ${count} can be.` : 'its layers are not of one kind, and cannot be entered.'),
    )
}
