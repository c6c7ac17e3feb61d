import { type TargetLike } from '@dual-encoder/core'
import {
  DualEncoderModel,
  type EncoderRunner,
  type EncoderSpec,
  type LoadedModel,
  type LoadedTower,
  TowerBase,
  type Weights,
} from '@dual-encoder/core/backend'
import { exportEncoders, type ExportOptions } from './export'
import { checkOnnxOptions, ONNX_OPTIONS, type OnnxOptions } from './options'
import { OnnxRunner } from './runner'

/** A model with two towers on ONNX Runtime. */
export abstract class OnnxModel extends DualEncoderModel {
  static readonly engineOptions: readonly string[] = ONNX_OPTIONS
  readonly #options: OnnxOptions
  readonly #made: { vision?: OnnxRunner; text?: OnnxRunner } = {}

  constructor(loaded: LoadedModel, options: OnnxOptions = {}) {
    super(loaded)
    checkOnnxOptions(options)
    this.#options = options
  }

  protected override createRunner(encoder: EncoderSpec, weights: Weights): EncoderRunner {
    return (this.#made[encoder.kind] = new OnnxRunner(encoder, weights, this.#options))
  }

  /** Execution providers of each encoder's sessions; empty before its first run. */
  get providers(): { readonly vision: readonly string[]; readonly text: readonly string[] } {
    const { vision, text } = this.#made
    return { vision: vision?.providers ?? [], text: text?.providers ?? [] }
  }

  /** Writes both encoders as ONNX files that other runtimes read. */
  async exportOnnx(target: TargetLike, options: ExportOptions = {}): Promise<void> {
    const { vision, text } = this.loaded
    await exportEncoders(target, [vision, text], await this.currentWeights(), options)
  }
}

/** A tower on its own, on ONNX Runtime. */
abstract class OnnxTower extends TowerBase {
  static readonly engineOptions: readonly string[] = ONNX_OPTIONS
  readonly #options: OnnxOptions

  constructor(loaded: LoadedTower, options: OnnxOptions = {}) {
    super(loaded)
    checkOnnxOptions(options)
    this.#options = options
  }

  protected override createRunner(encoder: EncoderSpec, weights: Weights): EncoderRunner {
    return new OnnxRunner(encoder, weights, this.#options)
  }
}

/** A vision transformer: `await VisionTower.fromPretrained(folder)`. */
export class VisionTower extends OnnxTower {
  static readonly kind = 'vision' as const
}

/** A text encoder: `await TextTower.fromPretrained(folder)`. */
export class TextTower extends OnnxTower {
  static readonly kind = 'text' as const
}
