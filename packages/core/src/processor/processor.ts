import { CallableInstance } from '../base/callable'
import { SOURCE_OPTIONS, type SourceLike, type SourceOptions } from '../files/types'
import { openTarget, type TargetLike } from '../files/target'
import { checkOptions, InputError, OptionError } from '../base/errors'
import {
  type ImageBatch,
  type ImageCallOptions,
  ImageProcessor,
  type ImageProcessorOptions,
  type ImageSource,
} from '../images'
import { CALL_OPTIONS as IMAGE_CALL_OPTIONS } from '../images/processors/processor'
import type { Tensor } from '../base/tensor'
import { type Offset, type TextInput, Tokenizer, type TokenizerCallOptions, type TokenRows } from '../text'
import { TOKENIZER_OPTIONS } from '../text/options'
import { type LossType, probabilitiesOf } from './post-process'

export interface ProcessorInputs extends TokenizerCallOptions, ImageCallOptions {
  text?: TextInput
  images?: ImageSource | readonly ImageSource[]
}

/** Where the halves come from, and what the image processor is told. */
export interface ProcessorOptions extends SourceOptions, Omit<ImageProcessorOptions, 'modelType'> {
  imageProcessor?: SourceLike
  tokenizer?: SourceLike
}

/** What the tokenizer gives, padded to one length. */
export interface TextHalf {
  readonly inputIds: Tensor<'int64'>
  readonly attentionMask: Tensor<'int64'>
  readonly tokenTypeIds?: Tensor<'int64'>
  readonly specialTokensMask?: Tensor<'int64'>
  readonly offsetMapping?: Offset[][]
}

/** What a call gives: the halves that were asked for. */
export type ProcessorOutput<I> = (I extends TextInput | { text: TextInput } ? TextHalf : Partial<TextHalf>) &
  (I extends { images: ImageSource | readonly ImageSource[] } ? ImageBatch : Partial<ImageBatch>)

type Arguments = [inputs: ProcessorInputs | TextInput, options?: TokenizerCallOptions]

/** What differs between families of models; `AutoProcessor` knows it. */
export interface FamilyOptions {
  /** What the model was trained with, for `postProcess`; `clip` unless given. */
  readonly loss?: LossType
  /** How texts are made ready where a call does not say. */
  readonly texts?: TokenizerCallOptions
  /** What is done to each text before it is cut into tokens. */
  readonly clean?: (text: string) => string
  /** What is done to the tokens. */
  readonly finish?: (tokens: TextHalf) => TextHalf
}

const cleaned = (text: TextInput, clean: (text: string) => string): TextInput => {
  if (typeof text === 'string') return clean(text)
  // What is no text, the tokenizer names in its error.
  return text.map((one: unknown) => (typeof one === 'string' ? clean(one) : one)) as TextInput
}

/** `await processor({ text, images })`; texts alone need no name: `await processor(['a dog', 'a cat'])`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- CallableInstance makes instances callable
export interface VisionTextDualEncoderProcessor {
  // eslint-disable-next-line @typescript-eslint/prefer-function-type -- merged into the class below
  <I extends ProcessorInputs | TextInput>(inputs: I, options?: TokenizerCallOptions): Promise<ProcessorOutput<I>>
}

/**
 * transformers' `VisionTextDualEncoderProcessor`: an image processor and a tokenizer. Texts are padded
 * to the longest of the call unless `padding` says otherwise, because a model takes tensors.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- CallableInstance makes instances callable
export class VisionTextDualEncoderProcessor extends CallableInstance<Arguments, Promise<object>> {
  readonly imageProcessor: ImageProcessor
  readonly tokenizer: Tokenizer

  readonly #family: FamilyOptions

  constructor(imageProcessor: ImageProcessor, tokenizer: Tokenizer, family: FamilyOptions = {}) {
    super()
    checkOptions(family, ['loss', 'texts', 'clean', 'finish'], 'VisionTextDualEncoderProcessor')
    this.#family = family
    if (typeof imageProcessor !== 'function' || !('placementOf' in imageProcessor))
      throw new OptionError('no-image-processor', 'A processor needs an image processor. Give one first.')
    if (typeof tokenizer !== 'function' || !('batchDecode' in tokenizer))
      throw new OptionError('no-tokenizer', 'A processor needs a tokenizer. Give one second.')
    this.imageProcessor = imageProcessor
    this.tokenizer = tokenizer
  }

  /** Both halves from one folder, or either from a folder of its own. */
  static async fromPretrained(
    source: SourceLike,
    options: ProcessorOptions = {},
  ): Promise<VisionTextDualEncoderProcessor> {
    const allowed = ['backend', 'pillow', 'transparency', 'imageProcessor', 'tokenizer', ...SOURCE_OPTIONS]
    checkOptions(options, allowed, 'VisionTextDualEncoderProcessor.fromPretrained')
    const { backend, pillow, transparency, imageProcessor = source, tokenizer = source, ...rest } = options
    const [images, texts] = await Promise.all([
      ImageProcessor.fromPretrained(imageProcessor, {
        ...rest,
        ...(backend !== undefined && { backend }),
        ...(pillow !== undefined && { pillow }),
        ...(transparency !== undefined && { transparency }),
      }),
      Tokenizer.fromPretrained(tokenizer, rest),
    ])
    return new VisionTextDualEncoderProcessor(images, texts)
  }

  get modelInputNames(): readonly string[] {
    return [...this.imageProcessor.modelInputNames, ...this.tokenizer.modelInputNames]
  }

  protected async invoke(given: ProcessorInputs | TextInput, beside: TokenizerCallOptions = {}): Promise<object> {
    const isText = typeof given === 'string' || Array.isArray(given)
    const inputs = isText ? { ...beside, text: given as TextInput } : (given as ProcessorInputs)
    checkOptions(inputs, ['text', 'images', ...TOKENIZER_OPTIONS, ...IMAGE_CALL_OPTIONS], 'processor')
    const { text, images, ...options } = inputs
    options.signal?.throwIfAborted()
    if (text === undefined && images === undefined)
      throw new InputError('no-inputs', 'Neither text nor images were given. Give at least one of them.')
    const isOfText = (key: string) => (TOKENIZER_OPTIONS as readonly string[]).includes(key)
    const part = (ofText: boolean) =>
      Object.fromEntries(Object.entries(options).filter(([key]) => isOfText(key) === ofText))
    const tokens = text === undefined ? {} : this.#tokens(text, part(true))
    const pixels = images === undefined ? {} : await this.imageProcessor(images, part(false))
    return { ...tokens, ...pixels }
  }

  #tokens(text: TextInput, options: TokenizerCallOptions): object {
    const { texts, clean, finish } = this.#family
    const output = this.tokenizer(clean ? cleaned(text, clean) : text, { padding: true, ...texts, ...options })
    for (const [name, rows] of Object.entries(output) as [string, TokenRows][])
      if (name !== 'offsetMapping' && Array.isArray(rows))
        throw new InputError(
          'ragged-texts',
          `${name}: the texts have ${new Set(rows.map((row) => row.length)).size} different lengths and make no tensor. Use padding: true, or call the tokenizer by itself.`,
        )
    return finish ? finish(output as TextHalf) : output
  }

  /** Probabilities `[N, M]` of `logitsPerImage` (or of any logits), as the model's loss asks. */
  postProcess({ logitsPerImage }: { logitsPerImage: Tensor }, options: { loss?: LossType } = {}): Tensor<'float32'> {
    checkOptions(options, ['loss'], 'postProcess')
    return probabilitiesOf(logitsPerImage, options.loss ?? this.#family.loss)
  }

  decode(...args: Parameters<Tokenizer['decode']>): string {
    return this.tokenizer.decode(...args)
  }

  batchDecode(...args: Parameters<Tokenizer['batchDecode']>): string[] {
    return this.tokenizer.batchDecode(...args)
  }

  /** Writes what `fromPretrained` and Python read: tokenizer and image processor. */
  async savePretrained(target: TargetLike): Promise<void> {
    const writer = await openTarget(target)
    await this.tokenizer.savePretrained(writer)
    await this.imageProcessor.savePretrained(writer)
  }
}
