import {
  DualEncoderModel,
  type EncoderRunner,
  type EncoderSpec,
  type LoadedModel,
  type LoadedTower,
  TowerBase,
  type Weights,
} from '@dual-encoder/core'
import { startBackend } from './backend'
import { TFJS_OPTIONS, type TfjsOptions } from './options'
import { TfjsRunner } from './runner'

/** A model's backend, started once; a failed start may be tried again. */
class Starter {
  #started?: Promise<string>
  /** Undefined before it is started. */
  name?: string

  constructor(private readonly options: TfjsOptions) {}

  readonly start = (): Promise<string> => {
    const started = (this.#started ??= startBackend(this.options).then((name) => (this.name = name)))
    started.catch(() => (this.#started = undefined))
    return started
  }
}

/** transformers' `VisionTextDualEncoderModel` on TensorFlow.js. */
export class VisionTextDualEncoderModel extends DualEncoderModel {
  static readonly engineOptions: readonly string[] = TFJS_OPTIONS
  readonly #starter: Starter

  constructor(loaded: LoadedModel, options: TfjsOptions = {}) {
    super(loaded)
    this.#starter = new Starter(options)
  }

  protected override createRunner(encoder: EncoderSpec, weights: Weights): EncoderRunner {
    return new TfjsRunner(encoder, weights, this.#starter.start)
  }

  /** The backend of TensorFlow.js that runs this model; undefined before `ready` or the first run. */
  get tfBackend(): string | undefined {
    return this.#starter.name
  }

  /** Starts the backend. @returns its name */
  ready(): Promise<string> {
    return this.#starter.start()
  }
}

/** A tower on its own, on TensorFlow.js. */
abstract class TfjsTower extends TowerBase {
  static readonly engineOptions: readonly string[] = TFJS_OPTIONS
  readonly #starter: Starter

  constructor(loaded: LoadedTower, options: TfjsOptions = {}) {
    super(loaded)
    this.#starter = new Starter(options)
  }

  protected override createRunner(encoder: EncoderSpec, weights: Weights): EncoderRunner {
    return new TfjsRunner(encoder, weights, this.#starter.start)
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
