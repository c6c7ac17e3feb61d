import type { ForwardInputs, GradientOptions, TargetLike, Tensor, WarningListener } from '@dual-encoder/core'
import {
  BatchingRunner,
  canaryOf,
  checkOptions,
  type EncoderRunner,
  type EncoderSpec,
  GRADIENT_OPTIONS,
  type LoadedModel,
  type LoadedTower,
  namesInMask,
  OptionError,
  sampleOf,
  TowerBase,
  TrainableDualEncoder,
  type Weights,
} from '@dual-encoder/core/backend'
import type { TrainingPlan, TrainingRun } from '@dual-encoder/core/training'
import { runtime } from '#runtime'
import { checkCanary } from './int8/check-canary'
import type { ExportOptions } from './export'
import { checkOnnxOptions, ONNX_OPTIONS, type OnnxOptions } from './options'
import { OnnxRunner } from './runner'
import type { OnnxGradients } from './training/gradients'

export interface OnnxGradientOptions extends GradientOptions {
  /** 'layers': what layers compute is computed again for their gradients: the same numbers in less memory, and more time. */
  recompute?: 'layers'
}

/** A model with two towers on ONNX Runtime. What only training and exports need is loaded with the first of them. */
export abstract class OnnxModel extends TrainableDualEncoder {
  static readonly engineOptions: readonly string[] = ONNX_OPTIONS
  readonly #options: OnnxOptions
  #gradients?: OnnxGradients
  readonly #made: { vision?: OnnxRunner; text?: OnnxRunner } = {}

  constructor(loaded: LoadedModel, options: OnnxOptions = {}) {
    super(loaded)
    checkOnnxOptions(options)
    this.#options = options
  }

  protected override createRunner(encoder: EncoderSpec, weights: Weights): EncoderRunner {
    // The session of pictures is made on this thread, while others go on with what texts will need.
    const isInt8 = this.#options.dtype?.startsWith('int8')
    const meanwhile = isInt8 && encoder.kind === 'vision' ? () => this.#beginTexts() : undefined
    this.#made[encoder.kind] = new OnnxRunner(encoder, weights, { ...this.#options, isOneOfTwo: true }, meanwhile)
    return batched(this.#made[encoder.kind] as OnnxRunner, encoder, this.#options)
  }

  async #beginTexts(): Promise<void> {
    try {
      this.runner('text')
      await this.#made.text?.begin()
    } catch {
      // Whoever asks for texts hears why.
    }
  }

  /** The same model in float32, whatever this one computes in; another to dispose of. */
  inFloat32(): this {
    const Same = this.constructor as new (loaded: LoadedModel, options: OnnxOptions) => this
    return new Same(this.loaded, { ...this.#options, dtype: undefined })
  }

  /** A picture and a text that every config has (`sampleOf`), embedded: normalised, `[projectionDim]` each. */
  async embedSample(): Promise<{ readonly vision: Float32Array; readonly text: Float32Array }> {
    const of = async (kind: 'vision' | 'text') => {
      const { embeds } = await this.runner(kind).run(sampleOf(this.loaded[kind]), { embeds: true }, {})
      return (embeds as Tensor<'float32'>).data
    }
    return { vision: await of('vision'), text: await of('text') }
  }

  /** Of an int8 checkpoint with a canary, which takes one run of either tower. */
  async checkLoaded(onWarning?: WarningListener): Promise<void> {
    const { dtype = 'float32' } = this.#options
    const canary = dtype === 'float32' ? undefined : canaryOf(this.config.extra)
    if (!canary) return
    const { vision, text } = await this.embedSample()
    checkCanary({ vision: [...vision], text: [...text] }, canary, onWarning)
  }

  /** Execution providers of each encoder's sessions; empty before its first run. */
  get providers(): { readonly vision: readonly string[]; readonly text: readonly string[] } {
    const { vision, text } = this.#made
    return { vision: vision?.providers ?? [], text: text?.providers ?? [] }
  }

  /**
   * The loss over matching rows and its gradient by name: of every parameter, or of those in `names`. Without dropout.
   * A graph is made for each size of batch.
   */
  async gradients(
    inputs: ForwardInputs,
    options: OnnxGradientOptions = {},
  ): Promise<{ loss: number; grads: Map<string, Tensor> }> {
    checkOptions(options, [...GRADIENT_OPTIONS, 'recompute'], 'gradients')
    const { loss, recompute, signal } = options
    if (recompute !== undefined && recompute !== 'layers')
      throw new OptionError('bad-option', `recompute is ${JSON.stringify(recompute)}. Allowed: 'layers'.`)
    const sides = this.checkedInputs(inputs, { ...options, returnLoss: true })
    const weights = await this.currentWeights()
    const names = namesInMask(weights.keys(), options.names, 'names')
    const { OnnxGradients } = await import('./training/gradients')
    this.#gradients ??= new OnnxGradients(this.loaded, weights, this.#options)
    return this.#gradients.run(sides, { loss, names, recompute }, signal)
  }

  protected override createBelow(encoder: EncoderSpec): EncoderRunner {
    // A cache is filled while the caller's thread goes on, as it does in training.
    return new OnnxRunner(encoder, this.loaded.weights, {
      ...this.#options,
      dtype: undefined,
      worker: runtime.hasWorker,
    })
  }

  /** Begins a training run from the model's weights, which stay as they are. It lives in an engine of its own. */
  override async train(plan: TrainingPlan): Promise<TrainingRun> {
    const { OnnxTraining } = await import('./training/run')
    return new OnnxTraining(this.loaded, this.loaded.weights, plan, this.#options)
  }

  override async resizeTokenEmbeddings(
    ...args: Parameters<TrainableDualEncoder['resizeTokenEmbeddings']>
  ): Promise<this> {
    await super.resizeTokenEmbeddings(...args)
    await this.#gradients?.dispose()
    this.#gradients = undefined
    return this
  }

  override async dispose(): Promise<void> {
    await super.dispose()
    await this.#gradients?.dispose()
  }

  /** Writes both encoders as ONNX files that other runtimes read. */
  async exportOnnx(target: TargetLike, options: ExportOptions = {}): Promise<void> {
    const { exportEncoders } = await import('./export')
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
    return batched(new OnnxRunner(encoder, weights, this.#options), encoder, this.#options)
  }
}

const batched = (runner: OnnxRunner, encoder: EncoderSpec, { batching }: OnnxOptions): EncoderRunner =>
  batching ? new BatchingRunner(runner, encoder, batching) : runner

/** A vision transformer: `await VisionTower.fromPretrained(folder)`. */
export class VisionTower extends OnnxTower {
  static readonly kind = 'vision' as const
}

/** A text encoder: `await TextTower.fromPretrained(folder)`. */
export class TextTower extends OnnxTower {
  static readonly kind = 'text' as const
}
