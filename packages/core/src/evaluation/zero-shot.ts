import { checkOptions, CheckpointError, InputError, OptionError } from '../base/errors'
import { type Tensor, tensor } from '../base/tensor'
import type { TextFeatureEncoder } from '../retrieval/embed-texts'
import type { Hit } from '../retrieval/best'
import { topK } from '../retrieval/top-k'
import { bytesSource, openSafetensors } from '../weights/safetensors/read'
import { writeSafetensors } from '../weights/safetensors/write'
import { type Accuracy, AccuracyCounter } from './accuracy'
import { DOT_BLOCK } from '../retrieval/dots'
import { type BlockOptions, eachDotRow, rowsOf, unitRows } from './blocks'
import { ensembleEmbeds } from './ensemble'

/** The part of a processor that is needed. */
export type TextProcessor = (inputs: {
  text: string[]
}) => Promise<{ inputIds: Tensor; attentionMask: Tensor; tokenTypeIds?: Tensor }>

/** A sentence with `{}` where the label goes, or a function of it. */
export type PromptTemplate = string | ((label: string) => string)

export interface ZeroShotOptions {
  labels: readonly string[]
  /** Default: 'a photo of a {}.' Several are an ensemble: each sentence's embedding has length 1, and so has their mean. */
  templates?: readonly PromptTemplate[]
  /** Sentences of one model call. Default: 64. */
  batchSize?: number
  signal?: AbortSignal
  /** Share of the sentences that are embedded. */
  onProgress?: (done: number) => void
}

export interface Classification {
  readonly label: string
  /** Its row among the labels. */
  readonly index: number
  /** Cosine of picture and label. */
  readonly score: number
}

/** Tells pictures apart by sentences about them: a row of weights for each label. */
export class ZeroShotClassifier {
  readonly labels: readonly string[]
  /** `[labels, D]`, rows of length 1. */
  readonly weights: Tensor<'float32'>

  constructor(labels: readonly string[], weights: Tensor) {
    if (weights.dims[0] !== labels.length || labels.length === 0)
      throw new InputError(
        'bad-shape',
        `${labels.length} labels have weights of [${weights.dims.join(', ')}]; a row for each label is needed.`,
      )
    const unit = unitRows(rowsOf('weights', weights))
    this.labels = [...labels]
    this.weights = tensor(unit.data, [unit.count, unit.size])
  }

  /** Embeds a sentence for every label and template. */
  static async create(
    model: TextFeatureEncoder,
    processor: TextProcessor,
    options: ZeroShotOptions,
  ): Promise<ZeroShotClassifier> {
    checkOptions(options, ['labels', 'templates', 'batchSize', 'signal', 'onProgress'], 'ZeroShotClassifier.create')
    const { labels, templates = ['a photo of a {}.'], batchSize = 64, signal, onProgress } = options
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new OptionError('bad-option', `batchSize is ${batchSize}; a positive integer is needed.`)
    if (!(labels?.length > 0) || templates.length === 0)
      throw new OptionError('bad-option', 'ZeroShotClassifier.create: give at least one label and one template.')
    const texts = templates.flatMap((template) => labels.map((label) => sentenceOf(template, label)))
    const rows: Float32Array[] = []
    for (let start = 0; start < texts.length; start += batchSize) {
      signal?.throwIfAborted()
      const inputs = await processor({ text: texts.slice(start, start + batchSize) })
      rows.push(rowsOf('text features', await model.getTextFeatures(inputs)).data)
      onProgress?.(Math.min(1, (start + batchSize) / texts.length))
    }
    const size = rows[0]!.length / Math.min(batchSize, texts.length)
    const all = new Float32Array(texts.length * size)
    rows.forEach((values, i) => all.set(values, i * batchSize * size))
    const sets = templates.map((_, i) =>
      tensor(all.subarray(i * labels.length * size, (i + 1) * labels.length * size), [labels.length, size]),
    )
    return new ZeroShotClassifier(labels, ensembleEmbeds(sets))
  }

  /** The `k` likeliest labels of each row of `imageEmbeds` `[N, D]` (of any length), best first. */
  classify(imageEmbeds: Tensor, k = 1): Classification[][] {
    const { data, count, size } = unitRows(rowsOf('imageEmbeds', imageEmbeds, this.weights.dims[1]))
    return topK(tensor(data, [count, size]), this.weights, k).map((hits: readonly Hit[]) =>
      hits.map(({ index, score }) => ({ label: this.labels[index]!, index, score })),
    )
  }

  /**
   * Top-k accuracy over embedded pictures `[N, D]`, some rows at a time.
   * @param labels the right row of `labels` for each picture
   */
  async accuracy(
    imageEmbeds: Tensor,
    labels: ArrayLike<number>,
    options: BlockOptions & { at?: readonly number[] } = {},
  ): Promise<Accuracy> {
    checkOptions(options, ['at', 'signal', 'onProgress'], 'accuracy')
    const images = unitRows(rowsOf('imageEmbeds', imageEmbeds, this.weights.dims[1]))
    if (labels.length !== images.count)
      throw new InputError('bad-label', `${labels.length} labels were given for ${images.count} pictures.`)
    const counter = new AccuracyCounter(options.at)
    const classes = rowsOf('weights', this.weights)
    // Pictures are the rows that are taken some at a time: all labels of a picture are needed together.
    const block = new Float64Array(Math.min(images.count, DOT_BLOCK) * classes.count)
    await eachDotRow(classes, images, options, (label, start, end, scores) => {
      for (let i = start; i < end; i++) block[(i - start) * classes.count + label] = scores[i - start]!
      if (label < classes.count - 1) return
      for (let i = start; i < end; i++) counter.add(block, (i - start) * classes.count, classes.count, labels[i]!)
    })
    return counter.result()
  }

  /** The classifier as a safetensors file. */
  save(): Uint8Array {
    return writeSafetensors(new Map([['weights', this.weights]]), {
      format: 'dual-encoder.zero-shot-classifier',
      labels: JSON.stringify(this.labels),
    })
  }

  /** What `save` wrote. @throws CheckpointError for anything else */
  static async load(bytes: Uint8Array): Promise<ZeroShotClassifier> {
    const file = await openSafetensors(bytesSource(bytes), 'classifier')
    const weights = await file?.weights.get('weights')?.read()
    const labels = file?.metadata.labels
    if (!weights || labels === undefined)
      throw new CheckpointError(
        'no-classifier',
        'The bytes hold no classifier. Give what ZeroShotClassifier.save wrote.',
      )
    return new ZeroShotClassifier(JSON.parse(labels) as string[], weights)
  }
}

/** @throws OptionError for a text without `{}` */
export function sentenceOf(template: PromptTemplate, label: string): string {
  if (typeof template === 'function') return template(label)
  if (template.includes('{}')) return template.replaceAll('{}', () => label)
  throw new OptionError('bad-template', `The template "${template}" has no {} where the label goes.`)
}
