import type { TargetLike } from '../files/target'
import type { SourceLike } from '../files/types'
import type { TowerOverrides } from './tower-values'
import { BackendError, checkOptions, ConfigError } from '../base/errors'
import type { Tensor } from '../base/tensor'
import type { TextConfig, VisionConfig } from '../towers/tower'
import type {
  EncodeRequest,
  EncoderOutput,
  EncoderRunner,
  EncoderSpec,
  TextEncoderSpec,
  VisionEncoderSpec,
} from './encoder'
import { type TextModelInputs, textBatch, type VisionModelInputs, visionBatch } from './inputs'
import { CHECKPOINT_OPTIONS, type CheckpointOptions, type LoadedTower, loadTower } from './load'
import type { TowerModelOutput } from './outputs'
import type { SaveOptions } from './save'
import type { ResizeOptions } from './vocabulary/resize'

export interface TowerForwardOptions {
  outputAttentions?: boolean
  outputHiddenStates?: boolean
  /** Vision only: accept images of another size than the tower was trained on. */
  interpolatePosEncoding?: boolean
  signal?: AbortSignal
}

/** A backend's tower class, as `fromPretrained` sees it. */
export interface TowerClass<M, O extends object> {
  new (loaded: LoadedTower, options?: O): M
  readonly kind: 'vision' | 'text'
  readonly engineOptions: readonly string[]
}

/** One pretrained tower on its own (transformers' `AutoModel` of its kind), without an engine. */
export abstract class TowerBase {
  protected loaded: LoadedTower
  #runner?: EncoderRunner
  #disposed = false

  constructor(loaded: LoadedTower) {
    this.loaded = loaded
  }

  protected abstract createRunner(encoder: EncoderSpec, weights: LoadedTower['weights']): EncoderRunner

  get config(): VisionConfig | TextConfig {
    return this.loaded.encoder.config
  }

  /** Loads a base model, one with a task head, or (vision) a whole CLIP. `config` overrides its values. */
  static async fromPretrained<M, O extends object>(
    this: TowerClass<M, O>,
    source: SourceLike,
    options: CheckpointOptions & { config?: TowerOverrides } & Partial<O> = {},
  ): Promise<M> {
    checkOptions(options, [...CHECKPOINT_OPTIONS, 'config', ...this.engineOptions], 'fromPretrained')
    const engine = Object.fromEntries(Object.entries(options).filter(([key]) => this.engineOptions.includes(key)))
    return new this(await loadTower(this.kind, source, options), engine as O)
  }

  /** @throws ConfigError where the tower is of the other kind. */
  loadedAs<K extends 'vision' | 'text'>(
    kind: K,
  ): LoadedTower<K extends 'vision' ? VisionEncoderSpec : TextEncoderSpec> {
    const { encoder } = this.loaded
    if (encoder.kind !== kind)
      throw new ConfigError(
        'wrong-tower',
        `A ${kind} tower is needed; a ${encoder.kind} tower (${encoder.tower.modelType}) was given.`,
      )
    return this.loaded as LoadedTower<K extends 'vision' ? VisionEncoderSpec : TextEncoderSpec>
  }

  /** `{ pixelValues }` for a vision tower, `{ inputIds, ... }` for a text tower. */
  async forward(
    inputs: VisionModelInputs | TextModelInputs,
    options: TowerForwardOptions = {},
  ): Promise<TowerModelOutput> {
    checkOptions(options, ['outputAttentions', 'outputHiddenStates', 'interpolatePosEncoding', 'signal'], 'forward')
    if (this.#disposed) throw new BackendError('disposed', 'This tower was disposed of. Load it again.')
    const { encoder, weights } = this.loaded
    const request: EncodeRequest = {
      lastHiddenState: true,
      poolerOutput: true,
      attentions: options.outputAttentions,
      hiddenStates: options.outputHiddenStates,
    }
    const batch =
      encoder.kind === 'vision'
        ? visionBatch(encoder, inputs as VisionModelInputs, options.interpolatePosEncoding ?? false)
        : textBatch(encoder, inputs as TextModelInputs)
    options.signal?.throwIfAborted()
    this.#runner ??= this.createRunner(encoder, weights)
    return towerOutput(await this.#runner.run(batch, request, { signal: options.signal }))
  }

  /**
   * Gives a text tower `count` tokens: rows that stay are kept, new ones drawn (transformers' `resize_token_embeddings`).
   * Changes this tower, after the calls that run. @returns the tower
   */
  async resizeTokenEmbeddings(count: number, options: ResizeOptions = {}): Promise<this> {
    const { resizedTokens } = await import('./vocabulary/resize')
    const { encoder, weights } = this.loadedAs('text')
    const runner = this.#runner
    this.loaded = { ...this.loaded, ...resizedTokens(encoder, weights, count, options) }
    this.#runner = undefined
    await runner?.dispose()
    return this
  }

  /** Writes `config.json` and `model.safetensors` as Python's `save_pretrained` of the base model. */
  async savePretrained(target: TargetLike, options: SaveOptions = {}): Promise<void> {
    await (await import('./save')).saveTower(target, this.loaded, options)
  }

  async dispose(): Promise<void> {
    this.#disposed = true
    await this.#runner?.dispose()
    this.#runner = undefined
  }

  /** For `using`, which does not wait for the end. */
  [Symbol.dispose](): void {
    void this.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

/** What a user sees of a run that asked for all of a tower's outputs. */
export function towerOutput(output: Partial<EncoderOutput<Tensor>>): TowerModelOutput {
  const { lastHiddenState, poolerOutput, hiddenStates, attentions } = output
  return {
    lastHiddenState: lastHiddenState as Tensor,
    poolerOutput: poolerOutput as Tensor,
    ...(hiddenStates ? { hiddenStates } : {}),
    ...(attentions ? { attentions } : {}),
  }
}
