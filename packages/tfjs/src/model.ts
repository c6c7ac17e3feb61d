import type { ForwardInputs, GradientOptions, Tensor } from '@dual-encoder/core'
import {
  BackendError,
  checkOptions,
  type EncoderRunner,
  type EncoderSpec,
  GRADIENT_OPTIONS,
  initializeModel,
  type LoadedModel,
  type LoadedTower,
  TowerBase,
  TrainableDualEncoder,
  type Weights,
} from '@dual-encoder/core/backend'
import type { TrainingPlan, TrainingRun } from '@dual-encoder/core/training'
import * as tf from '@tensorflow/tfjs-core'
import { makeCurrent } from './backend'
import {
  APPLY_OPTIONS,
  applyModel,
  type ApplyOptions,
  type DualEncoderTensors,
  GRAD_OPTIONS,
  type GradOptions,
  lossAndGrads,
} from './differentiable'
import { computing, type Engine, TfjsEngine } from './engine'
import { TFJS_OPTIONS, type TfjsOptions } from './options'
import { checkParams, type Params, readParams, weightsOf } from './params'
import { TfjsRunner, toHost } from './runner'

/** A model with two towers on any engine of TensorFlow.js. */
export abstract class EngineModel<E extends Engine> extends TrainableDualEncoder {
  protected override readonly trains = true

  constructor(
    loaded: LoadedModel,
    protected readonly engine: E,
  ) {
    super(loaded)
  }

  /** A model of this class on the same engine's options. */
  #another(loaded: LoadedModel): this {
    const type = this.constructor as new (loaded: LoadedModel, options: object) => this
    return new type(loaded, this.engine.options)
  }

  readonly #runners = new Map<EncoderSpec['kind'], TfjsRunner>()

  protected override createRunner(encoder: EncoderSpec, weights: Weights): EncoderRunner {
    const runner = new TfjsRunner(encoder, weights, this.engine)
    this.#runners.set(encoder.kind, runner)
    return runner
  }

  /** Loads again what was loaded where the engine no longer runs. */
  protected async reload(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.reload()))
  }

  /** The backend of TensorFlow.js that runs this model; undefined before `ready` or the first run. */
  get tfBackend(): string | undefined {
    return this.engine.name
  }

  /** Starts the backend. @returns its name */
  ready(): Promise<string> {
    return this.engine.start()
  }

  /** New parameters, the same for the same seed (Flax's `init_weights`). The caller disposes of them. */
  async initParams(seed: number): Promise<Params> {
    return readParams((await initializeModel(this.config, seed)).weights, await this.ready())
  }

  /** A copy of the model's own parameters (Flax's `params`). The caller disposes of it. */
  async params(): Promise<Params> {
    return readParams(await this.currentWeights(), await this.ready())
  }

  /** A model of the same config with these parameters, copied: to save them, or for inference. */
  async withParams(params: Params): Promise<this> {
    checkParams(params, this.loaded.weights)
    const weights = new Map((await weightsOf(params)).map((entry) => [entry.name, entry]))
    return this.#another({ ...this.loaded, weights })
  }

  /**
   * The model as a pure function of `params` (Flax's `apply`), in tensors that the caller disposes of:
   * call it within `tf.tidy`, or within a function that TensorFlow.js differentiates.
   */
  apply(params: Params, inputs: ForwardInputs, options: ApplyOptions = {}): DualEncoderTensors {
    checkOptions(options, APPLY_OPTIONS, 'apply')
    const batches = this.checkedInputs(inputs, options)
    this.#turn(params, 'apply')
    return computing(() =>
      tf.tidy(
        () => applyModel(this.engine, this.loaded, params, batches, options) as unknown as tf.TensorContainerObject,
      ),
    ) as unknown as DualEncoderTensors
  }

  /**
   * The family's loss over matching rows, and its gradient by name (`jax.value_and_grad`): of every parameter, or of
   * those in `mask`. The caller disposes of both.
   */
  valueAndGrads(params: Params, inputs: ForwardInputs, options: GradOptions = {}): { value: tf.Scalar; grads: Params } {
    checkOptions(options, GRAD_OPTIONS, 'valueAndGrads')
    const batches = this.checkedInputs(inputs, { ...options, returnLoss: true })
    this.#turn(params, 'valueAndGrads')
    return computing(() => tf.tidy(() => lossAndGrads(this.engine, this.loaded, params, batches, options)))
  }

  /** The loss over matching rows and its gradient by name, as host tensors: of the model's own parameters. */
  async gradients(
    inputs: ForwardInputs,
    options: GradientOptions = {},
  ): Promise<{ loss: number; grads: Map<string, Tensor> }> {
    checkOptions(options, GRADIENT_OPTIONS, 'gradients')
    const { names: mask, signal, loss, interpolatePosEncoding } = options
    signal?.throwIfAborted()
    const params = await this.params()
    try {
      const { value, grads } = this.valueAndGrads(params, inputs, { mask, loss, interpolatePosEncoding })
      const read = Object.entries(grads).map(async ([name, x]) => [name, await toHost(x)] as const)
      const found = new Map<string, Tensor>(await Promise.all(read))
      const [number] = (await toHost(value)).data
      tf.dispose([value, grads] as tf.TensorContainer)
      return { loss: number as number, grads: found }
    } finally {
      tf.dispose(params as tf.TensorContainerObject)
    }
  }

  protected override createBelow(encoder: EncoderSpec): EncoderRunner {
    return new TfjsRunner(encoder, this.loaded.weights, this.engine)
  }

  /**
   * Begins a training run from the model's weights, which stay as they are. It computes in float32, where the model does:
   * dispose of it before the model.
   */
  override async train(plan: TrainingPlan): Promise<TrainingRun> {
    const { TfjsTraining } = await import('./training')
    return new TfjsTraining(this.engine, this.loaded, plan)
  }

  override async dispose(): Promise<void> {
    await super.dispose()
    await this.engine.leave()
  }

  /** What follows in this turn runs on the model's backend. */
  #turn(params: Params, call: string): void {
    const backend = this.tfBackend
    if (backend === undefined)
      throw new BackendError('not-ready', `${call} needs a backend that has started: await model.ready() first.`)
    checkParams(params, this.loaded.weights)
    makeCurrent(backend)
  }
}

/** A model with two towers on TensorFlow.js. */
export abstract class TfjsModel extends EngineModel<TfjsEngine> {
  static readonly engineOptions: readonly string[] = TFJS_OPTIONS

  constructor(loaded: LoadedModel, options: TfjsOptions = {}) {
    super(loaded, new TfjsEngine(options))
  }
}

/** A tower on its own, on any engine of TensorFlow.js. */
export abstract class EngineTower<E extends Engine> extends TowerBase {
  constructor(
    loaded: LoadedTower,
    protected readonly engine: E,
  ) {
    super(loaded)
  }

  protected override createRunner(encoder: EncoderSpec, weights: Weights): EncoderRunner {
    return new TfjsRunner(encoder, weights, this.engine)
  }

  override async dispose(): Promise<void> {
    await super.dispose()
    await this.engine.leave()
  }
}

abstract class TfjsTower extends EngineTower<TfjsEngine> {
  static readonly engineOptions: readonly string[] = TFJS_OPTIONS

  constructor(loaded: LoadedTower, options: TfjsOptions = {}) {
    super(loaded, new TfjsEngine(options))
  }
}

/** A vision transformer: `await VisionTower.fromPretrained(folder)`. */
export class VisionTower extends TfjsTower {
  static readonly kind = 'vision' as const
}

/** A text encoder: `await TextTower.fromPretrained(folder)`. */
export class TextTower extends TfjsTower {
  static readonly kind = 'text' as const
}
