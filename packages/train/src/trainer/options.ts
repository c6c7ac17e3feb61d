import {
  type ModelCardOptions,
  OptionError,
  type TargetLike,
  type Tensor,
  type WarningListener,
} from '@dual-encoder/core'
import type { EncoderLayers } from '@dual-encoder/core/backend'
import type { LossName, TrainingLoss, TrainingPlan, TrainingRun } from '@dual-encoder/core/training'
import type { Augmentation } from '../augment/augment'
import type { CutModel } from '../cache/sides'
import type { LoaderOptions } from '../data/loader'
import { type IndexedData, listed, type LoaderData, type Sample } from '../data/sample'
import { batchesOf } from '../data/samplers'
import type { BatchProcessor } from '../data/sides'
import type { Folder } from '../files'
import type { OptimizerOptions } from '../optimizers/optimizers'
import type { TowerName } from '../rules/layers'
import type { Rules } from '../rules/rules'
import type { ScheduleOptions } from '../schedules'

/** What a trainer needs of a model, whichever backend it runs on. */
export interface TrainableModel extends CutModel {
  /** Sizes of its parameters by name. */
  readonly parameterShapes: ReadonlyMap<string, readonly number[]>
  readonly config: {
    readonly loss: 'clip' | 'siglip'
    readonly logitBias: boolean
    readonly visionConfig: PatchConfig
    readonly textConfig: object
  }
  layersOf(kind: 'vision' | 'text'): EncoderLayers
  /** A tower's weights drawn anew. */
  redrawn(kind: 'vision' | 'text', seed: number): ReadonlyMap<string, Tensor<'float32'>>
  train(plan: TrainingPlan): Promise<TrainingRun>
}
export interface PatchConfig {
  readonly modelType: string
  readonly patchSize: number | readonly [number, number]
}

/** Where what is locked is kept, once it is computed. */
export interface TrainerCache {
  readonly folder: Folder
  /** Views of each picture, each augmented by itself, of which an epoch takes one. Default: 1, and 4 with `augment`. */
  readonly views?: number
  /** Of how views are augmented. Default: the run's. Given, runs of several seeds share what is cached. */
  readonly seed?: number
}

export interface EvaluateOptions {
  /** Steps between evaluations. */
  readonly every: number
  /** Pictures with all their captions. */
  readonly data: IndexedData | readonly Sample[]
  /** What `output` holds in the end: the last weights, or those with the highest mean recall. Default: 'last'. */
  readonly keep?: 'last' | 'best'
}

export interface TrainerOptions {
  readonly model: TrainableModel
  readonly processor: BatchProcessor
  readonly data: LoaderData
  /**
   * Default: what the model was trained with. 'siglip' of a model without `logit_bias` trains one of its own beside it;
   * 'distillation' brings texts to their samples' `vector`, and looks at no picture.
   */
  readonly loss?: LossName | TrainingLoss
  /** Matryoshka: the loss also of so many first values of the embeddings. */
  readonly dims?: readonly number[]
  readonly batchSize: number
  /** Rows that go through an encoder at a time: less memory, the same gradients, a third more time. */
  readonly chunkSize?: number
  /**
   * 'layers': of the towers' forward pass only what enters each layer is kept, and the rest computed again for its
   * gradients: the same numbers in less memory, and the time of a second forward pass.
   */
  readonly recompute?: 'layers'
  /** How long: one of the two. */
  readonly steps?: number
  readonly epochs?: number
  readonly optimizer?: OptimizerOptions & { readonly lr?: number }
  readonly schedule?: ScheduleOptions
  /** Which parameters learn, and how fast; all unless given. */
  readonly rules?: Rules
  /** Towers that begin with weights drawn anew, from `seed`: `lit`'s `u`. Their rules have to train all of them. */
  readonly redraw?: readonly TowerName[]
  /** The longest that all gradients together may be. Default: 1. */
  readonly clip?: number
  /**
   * How much a running mean of the weights keeps at each step, such as 0.999: that mean is evaluated and saved. `last`: in
   * the end the mean of so many last checkpoints. Neither unless given.
   */
  readonly average?: number | { readonly last: number }
  /** Whether towers drop as their configs say. Default: true. */
  readonly dropout?: boolean
  /** The share of a picture's patches that is left out while training, as open_clip does. Default: 0. */
  readonly patchDropout?: number
  readonly augment?: readonly Augmentation[]
  readonly positives?: LoaderOptions['positives']
  readonly sampler?: LoaderOptions['sampler']
  readonly bad?: LoaderOptions['bad']
  readonly maxBad?: number
  readonly onBad?: LoaderOptions['onBad']
  /** A folder for what the locked parts of the towers compute: once, instead of in each step. */
  readonly cache?: string | TrainerCache
  readonly evaluate?: EvaluateOptions
  /** Of the order of data, captions, augmentations and dropout. Default: 0. */
  readonly seed?: number
  /** A folder: for the trained model, checkpoints, and what the run measures. */
  readonly output?: Folder
  /** Steps between checkpoints. Default: 1,000. */
  readonly saveEvery?: number
  /** Checkpoints that stay, beside the best. Default: 2. */
  readonly keepCheckpoints?: number
  /** Go on from what `output` holds, where it holds something. */
  readonly resume?: boolean
  /** A line about the run on stderr. Default: where that is a terminal. */
  readonly progress?: boolean
  /** `README.md` of the trained model: name and licence, and what else the hub shows. */
  readonly modelCard?: ModelCardOptions
  readonly onWarning?: WarningListener
}

export const TRAINER_OPTIONS = [
  'model',
  'processor',
  'data',
  'loss',
  'dims',
  'batchSize',
  'chunkSize',
  'recompute',
  'steps',
  'epochs',
  'optimizer',
  'schedule',
  'rules',
  'redraw',
  'clip',
  'average',
  'dropout',
  'patchDropout',
  'augment',
  'positives',
  'sampler',
  'bad',
  'maxBad',
  'onBad',
  'cache',
  'evaluate',
  'seed',
  'output',
  'saveEvery',
  'keepCheckpoints',
  'resume',
  'progress',
  'modelCard',
  'onWarning',
] as const satisfies readonly (keyof TrainerOptions)[]

export interface StepReport {
  /** From 1 on. */
  readonly step: number
  readonly steps: number
  readonly loss: number
  /** Of all gradients together, before they are clipped. */
  readonly gradNorm: number
  /** What cosines are multiplied by, exp(logit_scale). */
  readonly logitScale: number
  readonly lr: number
  readonly examplesPerSecond: number
}

export interface RunOptions {
  /** Stops after the step that runs, when what was done has been saved. */
  readonly signal?: AbortSignal
  readonly onStep?: (report: StepReport) => void
  /** Hears of the rows of caches that are made before the first step. */
  readonly onCache?: (done: number, all: number) => void
}

export interface RunResult {
  readonly steps: number
  readonly loss: number
  /** Where the trained model lies. */
  readonly checkpoint?: TargetLike
  /** What the last evaluation found. */
  readonly evaluation?: Readonly<Record<string, number>>
  readonly bad: { readonly count: number; readonly names: readonly string[] }
}

/** @throws OptionError */
export function stepsOf(options: TrainerOptions, data: LoaderData): number {
  const { steps, epochs, batchSize, sampler, seed = 0 } = options
  const fault = () =>
    new OptionError('bad-option', `Give steps or epochs, a whole number; steps ${steps}, epochs ${epochs} given.`)
  if ((steps === undefined) === (epochs === undefined)) throw fault()
  let count = steps ?? 0
  if (epochs !== undefined) {
    if ('stream' in data)
      throw new OptionError('bad-option', 'epochs: how many batches a stream has is not known. Give steps.')
    const { length, ...known } = listed(data)
    const keysOf = known.keysOf && ((i: number) => known.keysOf!(i))
    for (let epoch = 0; epoch < epochs; epoch++)
      count += [...batchesOf({ length, batchSize, seed, sampler, keysOf }, epoch)].length
  }
  if (!(Number.isInteger(count) && count > 0)) throw fault()
  return count
}
