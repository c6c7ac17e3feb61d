import { ConfigError } from '../../base/errors'
import type { Tensor } from '../../base/tensor'
import { Sha256 } from '../../files/hub/sha256'
import { breathe } from '../../platform/breathe'
import type { Weights } from '../../weights/entry'
import { type Batch, ENCODER_NAMES, type EncoderRunner, type EncoderSpec, type EncodeRequest } from '../encoder'
import { encoderLayers } from '../parameters'
import { sideOf, type TrainingInputs } from './run'

/** Bytes that are hashed at a time. */
const HASHED = 2 ** 20

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
   * `[B, L, D]`, of maps `[B, C, H, W]`, or the pooled `[B, D]`, without dropout.
   * @throws ConfigError for a layer that the tower does not have, or that cannot be entered
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

  /** Of what is below: its config and weights in short. */
  async fingerprint(encoder: EncoderSpec, weights: Weights, at: CutAt): Promise<string> {
    checkCut(encoder, at)
    const { layerOf } = encoderLayers(encoder)
    const prefix = `${ENCODER_NAMES[encoder.kind].tower}.`
    const isBelow = (name: string) =>
      name.startsWith(prefix) && (at === 'pooled' || (layerOf.get(name) ?? Infinity) < at)
    const hash = new Sha256().update(new TextEncoder().encode(JSON.stringify(encoder.config)))
    for (const name of [...weights.keys()].filter(isBelow).sort()) {
      const { data } = await weights.get(name)!.read()
      hash.update(new TextEncoder().encode(name))
      for (let at = 0; at < data.byteLength; at += HASHED) {
        hash.update(new Uint8Array(data.buffer, data.byteOffset + at, Math.min(HASHED, data.byteLength - at)))
        await breathe()
      }
    }
    return hash.hex()
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
        (count > 0 ? `0 to ${count} can be.` : 'its layers cannot be entered.'),
    )
}
