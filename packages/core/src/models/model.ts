import { BackendError, checkOptions, InputError, OptionError } from '../base/errors'
import { Memo } from '../base/memo'
import type { WarningListener } from '../base/warnings'
import type { Tensor } from '../base/tensor'
import type { TargetLike } from '../files/target'
import { type SourceLike, splitOptions } from '../files/types'
import { hostLogits, transposed } from '../ops/losses/logits'
import type { Weights } from '../weights/entry'
import { type DualEncoderConfig, OVERRIDES } from './dual-encoder-config'
import type { Batch, EncodeRequest, EncoderOutput, EncoderRunner, EncoderSpec } from './encoder'
import { checkInputs, type TextModelInputs, textBatch, type VisionModelInputs, visionBatch } from './inputs'
import { CHECKPOINT_OPTIONS, initializeModel, joinTowers, type LoadedModel, loadModel, loadTower } from './load'
import {
  BESIDE_INPUTS,
  checkedProjections,
  type FeatureOptions,
  FORWARD_OPTIONS,
  type ForwardInputs,
  type ForwardOptions,
  type FromPairOptions,
  type FromPretrainedOptions,
  type FromTowersOptions,
  INPUTS,
  isTower,
  type ModelClass,
  split,
  TRAINING_OPTIONS,
} from './model-options'
import { type DualEncoderOutput, type DualEncoderTuple, toTuple } from './outputs'
import type { ModelSaveOptions } from './save'
import { type TowerBase, towerOutput } from './tower'
import type { ResizeOptions } from './vocabulary/resize'

/**
 * A model with two towers (transformers' `VisionTextDualEncoderModel`, `CLIPModel`, `SiglipModel` and so on), without an
 * engine: each backend extends it with one method. Calls may overlap; one that fails leaves the model as it was.
 */
export abstract class DualEncoderModel {
  readonly config: DualEncoderConfig
  protected readonly loaded: LoadedModel
  #runners: { vision?: EncoderRunner; text?: EncoderRunner } = {}
  readonly #logitScale = new Memo<Tensor<'float32'>>()
  readonly #logitBias = new Memo<Tensor<'float32'>>()
  #disposed = false

  constructor(loaded: LoadedModel) {
    this.loaded = loaded
    this.config = loaded.config
  }

  /** Whether the backend knows how to drop: `training` is an unknown option elsewhere. */
  protected readonly trains: boolean = false

  /** Prepares one encoder; weights are read when it first runs. */
  protected abstract createRunner(encoder: EncoderSpec, weights: Weights): EncoderRunner

  /** The weights as they are now, by their names in the checkpoint. */
  protected currentWeights(): Weights | Promise<Weights> {
    return this.loaded.weights
  }

  /** Loads a checkpoint of this class: a folder, a URL, files or a reader. */
  static async fromPretrained<M, O extends object>(
    this: ModelClass<M, O>,
    source: SourceLike,
    options: FromPretrainedOptions & Partial<O> = {},
  ): Promise<M> {
    const known = [...CHECKPOINT_OPTIONS, ...OVERRIDES, 'config']
    const { engine, rest } = split<O, FromPretrainedOptions>(options as O, this.engineOptions, known, 'fromPretrained')
    const model = new this(await loadModel(source, this.configClass, rest), engine)
    await (model as Partial<Checked>).checkLoaded?.(rest.onWarning)
    return model
  }

  /**
   * Two pretrained towers with new projections. Either may be a base model, one with a task head, a
   * whole CLIP, SigLIP or ChineseCLIP (vision), or a tower already loaded. `projections: 'keep'` draws none: they and the
   * logit scale are those beside the towers, in a whole CLIP and in sentence-transformers' `2_Dense`.
   */
  static async fromVisionTextPretrained<M, O extends object>(
    this: ModelClass<M, O>,
    vision: SourceLike | TowerBase,
    text: SourceLike | TowerBase,
    options: FromPairOptions & Partial<O> = {},
  ): Promise<M> {
    checkPairs(this)
    const known = [...CHECKPOINT_OPTIONS, ...OVERRIDES, 'seed', 'projections']
    const { engine, rest } = split<O, FromPairOptions>(
      options as O,
      this.engineOptions,
      known,
      'fromVisionTextPretrained',
    )
    const { source, rest: others } = splitOptions(rest)
    const {
      vision: visionConfig,
      text: textConfig,
      seed,
      onWarning,
      format,
      unusedWeights,
      projections,
      ...values
    } = others
    const checkpoint = { ...source, onWarning, format, unusedWeights, projections: checkedProjections(projections) }
    const visionTower = isTower(vision)
      ? vision.loadedAs('vision')
      : await loadTower('vision', vision, { ...checkpoint, config: visionConfig })
    const textTower = isTower(text)
      ? text.loadedAs('text')
      : await loadTower('text', text, { ...checkpoint, config: textConfig })
    // A tower that was loaded here has its overrides already.
    const overrides = {
      vision: isTower(vision) ? visionConfig : undefined,
      text: isTower(text) ? textConfig : undefined,
    }
    const joined = { ...values, ...overrides, seed, onWarning, projections }
    return new this(await joinTowers(visionTower, textTower, joined), engine)
  }

  /** New weights throughout, the same for the same seed. */
  static async fromConfig<M, O extends object>(
    this: ModelClass<M, O>,
    config: DualEncoderConfig,
    options: { seed?: number } & Partial<O> = {},
  ): Promise<M> {
    const { engine, rest } = split<O, { seed?: number }>(options as O, this.engineOptions, ['seed'], 'fromConfig')
    return new this(await initializeModel(config, rest.seed ?? 0, this.configClass), engine)
  }

  /** Two towers already loaded, with new projections. */
  static async fromTowers<M, O extends object>(
    this: ModelClass<M, O>,
    vision: TowerBase,
    text: TowerBase,
    options: FromTowersOptions & Partial<O> = {},
  ): Promise<M> {
    checkPairs(this)
    const known = ['config', 'seed', 'onWarning', ...OVERRIDES]
    const { engine, rest } = split<O, FromTowersOptions>(options as O, this.engineOptions, known, 'fromTowers')
    if (![vision, text].every(isTower))
      throw new OptionError(
        'bad-tower',
        'fromTowers takes towers that are loaded, by VisionTower.fromPretrained and TextTower.fromPretrained. ' +
          'fromVisionTextPretrained takes their sources.',
      )
    return new this(await joinTowers(vision.loadedAs('vision'), text.loadedAs('text'), rest), engine)
  }

  protected runner(kind: 'vision' | 'text'): EncoderRunner {
    if (this.#disposed) throw new BackendError('disposed', 'This model was disposed of. Load it again.')
    return (this.#runners[kind] ??= this.createRunner(this.loaded[kind], this.loaded.weights))
  }

  async #encodeText(inputs: TextModelInputs, request: EncodeRequest, signal?: AbortSignal) {
    signal?.throwIfAborted()
    return this.runner('text').run(textBatch(this.loaded.text, inputs), request, { signal })
  }

  async #encodeImages(inputs: VisionModelInputs, interpolate: boolean, request: EncodeRequest, signal?: AbortSignal) {
    signal?.throwIfAborted()
    return this.runner('vision').run(visionBatch(this.loaded.vision, inputs, interpolate), request, { signal })
  }

  /** Projected text vectors `[texts, projectionDim]`. Reads only the text tower's weights. */
  async getTextFeatures(inputs: TextModelInputs, options: FeatureOptions = {}): Promise<Tensor<'float32'>> {
    checkOptions(options, ['normalize', 'signal'], 'getTextFeatures')
    const { normalize = false, signal } = options
    return features(await this.#encodeText(inputs, featureRequest(normalize), signal), normalize)
  }

  /** Projected image vectors `[images, projectionDim]`. Reads only the vision tower's weights. */
  async getImageFeatures(
    inputs: VisionModelInputs,
    options: FeatureOptions & { interpolatePosEncoding?: boolean } = {},
  ): Promise<Tensor<'float32'>> {
    checkOptions(options, ['normalize', 'signal', 'interpolatePosEncoding'], 'getImageFeatures')
    const { normalize = false, signal, interpolatePosEncoding = false } = options
    const request = featureRequest(normalize)
    return features(await this.#encodeImages(inputs, interpolatePosEncoding, request, signal), normalize)
  }

  /** Both towers' inputs, checked before either runs. */
  protected checkedInputs(
    inputs: ForwardInputs,
    {
      returnLoss = false,
      interpolatePosEncoding = false,
    }: Pick<ForwardOptions, 'returnLoss' | 'interpolatePosEncoding'>,
  ): { texts: Batch; images: Batch } {
    checkInputs(inputs, 'inputIds, pixelValues')
    checkOptions(inputs, [...INPUTS, ...BESIDE_INPUTS], 'forward inputs')
    const texts = textBatch(this.loaded.text, inputs)
    const images = visionBatch(this.loaded.vision, inputs, interpolatePosEncoding)
    const [textCount, imageCount] = [texts.inputs.inputIds?.dims[0], images.inputs.pixelValues?.dims[0]]
    if (returnLoss && textCount !== imageCount)
      throw new InputError(
        'batch-mismatch',
        `returnLoss needs one text for each image: ${textCount} texts and ${imageCount} images were given.`,
      )
    return { texts, images }
  }

  /** Both towers and the similarity of every image with every text. */
  forward(inputs: ForwardInputs, options: ForwardOptions & { returnTuple: true }): Promise<DualEncoderTuple>
  forward(inputs: ForwardInputs, options?: ForwardOptions & { returnTuple?: false }): Promise<DualEncoderOutput>
  forward(inputs: ForwardInputs, options?: ForwardOptions): Promise<DualEncoderOutput | DualEncoderTuple>
  async forward(inputs: ForwardInputs, options: ForwardOptions = {}): Promise<DualEncoderOutput | DualEncoderTuple> {
    checkOptions(options, this.trains ? [...FORWARD_OPTIONS, ...TRAINING_OPTIONS] : FORWARD_OPTIONS, 'forward')
    const { returnLoss = false, signal, training, dropoutSeed = newSeed() } = options
    const { config } = this
    const request = (kind: 'vision' | 'text'): EncodeRequest => {
      const own = config[`${kind}Config`].extra
      return {
        lastHiddenState: true,
        poolerOutput: true,
        embeds: true,
        attentions: options.outputAttentions ?? (config.outputAttentions || own.output_attentions === true),
        hiddenStates: options.outputHiddenStates ?? (config.outputHiddenStates || own.output_hidden_states === true),
      }
    }
    const { texts, images } = this.checkedInputs(inputs, options)
    signal?.throwIfAborted()
    const runOptions = { signal, ...(training ? { dropoutSeed } : {}) }
    const runs = [
      this.runner('text').run(texts, request('text'), runOptions),
      this.runner('vision').run(images, request('vision'), runOptions),
    ] as const
    // Where one fails, the other has ended too before the caller hears of it and tries again.
    await Promise.allSettled(runs)
    const [text, vision] = await Promise.all(runs)
    const textEmbeds = text.embeds as Tensor<'float32'>
    const imageEmbeds = vision.embeds as Tensor<'float32'>
    const logitsPerText = hostLogits(textEmbeds, imageEmbeds, await this.logitScale(), await this.logitBias())
    const output: DualEncoderOutput = {
      ...(returnLoss ? { loss: (await import('../ops/losses/on-host')).lossOnHost(config.loss, logitsPerText) } : {}),
      logitsPerImage: transposed(logitsPerText),
      logitsPerText,
      textEmbeds,
      imageEmbeds,
      textModelOutput: towerOutput(text),
      visionModelOutput: towerOutput(vision),
    }
    return (options.returnTuple ?? !config.returnDict) ? toTuple(output) : output
  }

  /** The learned log of the factor between cosine similarity and logit, a scalar. */
  async logitScale(): Promise<Tensor<'float32'>> {
    return this.#logitScale.get(() => this.#read('logit_scale'))
  }

  /** What is added to the logits, a scalar; undefined where the family has none (SigLIP has). */
  async logitBias(): Promise<Tensor<'float32'> | undefined> {
    return this.config.logitBias ? this.#logitBias.get(() => this.#read('logit_bias')) : undefined
  }

  async #read(name: string): Promise<Tensor<'float32'>> {
    const entry = (await this.currentWeights()).get(name)
    if (!entry) throw new BackendError('no-logit-scale', `The model holds no ${name}.`)
    return (await entry.read()) as Tensor<'float32'>
  }

  /**
   * Gives the text tower `count` tokens: rows that stay are kept, new ones drawn (transformers' `resize_token_embeddings`).
   * Changes this model, after the calls that run. @returns the model
   */
  async resizeTokenEmbeddings(count: number, options: ResizeOptions = {}): Promise<this> {
    const { resizedTokens } = await import('./vocabulary/resize')
    const { encoder, weights } = resizedTokens(this.loaded.text, await this.currentWeights(), count, options)
    const config = this.config.with({ text: { vocabSize: encoder.config.vocabSize } })
    const text = { ...encoder, config: config.textConfig }
    const runner = this.#runners.text
    this.#runners.text = undefined
    Object.assign(this, { config, loaded: { ...this.loaded, config, text, weights } })
    await runner?.dispose()
    return this
  }

  /** Writes `config.json` and `model.safetensors` as Python's `save_pretrained`, for every Python to load. */
  async savePretrained(target: TargetLike, options: ModelSaveOptions = {}): Promise<void> {
    await (await import('./save')).saveModel(target, { ...this.loaded, weights: await this.currentWeights() }, options)
  }

  /** Frees what the engine holds, after the calls that run. */
  async dispose(): Promise<void> {
    this.#disposed = true
    const { vision, text } = this.#runners
    this.#runners = {}
    await Promise.all([vision?.dispose(), text?.dispose()])
  }

  /** For `using`, which does not wait for the end. */
  [Symbol.dispose](): void {
    void this.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

/** What a backend has to say of a model that was loaded. */
interface Checked {
  checkLoaded(onWarning?: WarningListener): Promise<void>
}

const newSeed = (): number => Math.floor(Math.random() * 2 ** 32)

const featureRequest = (normalize: boolean): EncodeRequest => (normalize ? { embeds: true } : { features: true })

const features = (output: Partial<EncoderOutput<Tensor>>, normalize: boolean): Tensor<'float32'> =>
  (normalize ? output.embeds : output.features) as Tensor<'float32'>

/** @throws OptionError for a class whose towers are its own. */
function checkPairs({ configClass: { family } }: Pick<ModelClass<unknown, object>, 'configClass'>): void {
  if (family.towers)
    throw new OptionError(
      'wrong-model-class',
      `${family.modelClass} takes no other towers than its own. VisionTextDualEncoderModel makes a model of any two.`,
    )
}
