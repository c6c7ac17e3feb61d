import type { TargetLike } from '../../files/target'
import type { WeightEntry } from '../../weights/entry'
import { InputError } from '../../base/errors'
import { sliceRows, type Tensor } from '../../base/tensor'
import type { Primitives } from '../../ops/ops'
import { type Batch, encoderInputs, type EncoderSpec, type TextEncoderSpec, type VisionEncoderSpec } from '../encoder'
import { textBatch, type TextModelInputs, visionBatch, type VisionModelInputs } from '../inputs'
import { memoryWeight } from '../initialize'
import type { LoadedModel } from '../load'
import type { Side } from './objective'
import type { LossName, TrainingLoss } from '../../ops/losses/training'
import { pairOf } from '../../towers/grid'

/** A parameter in an update: its value, its gradient, and what the rule keeps of it, all of its shape. */
export interface Updated<T> {
  readonly param: T
  readonly grad: T
  readonly state: Readonly<Record<string, T>>
}

/** What is done with gradients, once for every backend: value by value, so that a large parameter may come in parts. */
export interface UpdateRule {
  /** What is kept of each parameter between steps, by name; zero at first unless said otherwise. */
  readonly slots: readonly string[]
  /** The slots that begin as the parameter itself (a running mean of it). */
  readonly likeParams?: readonly string[]
  /** Names of the scalars that a step is given. */
  readonly numbers: readonly string[]
  /** How long all gradients are together, and what multiplies each of them where that is too long: scalars. */
  clip<T>(ops: Primitives<T>, grads: readonly T[]): { readonly norm: T; readonly gradScale?: T }
  /** A parameter after the step, or those rows of it that are given. */
  update<T>(
    ops: Primitives<T>,
    name: string,
    given: Updated<T>,
    numbers: Readonly<Record<string, T>>,
    gradScale?: T,
  ): Omit<Updated<T>, 'grad'>
}

/** What a backend is told of a training run. */
export interface TrainingPlan {
  /** Default: the family's. */
  readonly loss?: LossName | TrainingLoss
  /**
   * What parameters begin as, where not as the model's. `logit_bias` of a model that has none is the run's own: in its
   * state, and not in what it saves.
   */
  readonly initial?: ReadonlyMap<string, Tensor<'float32'>>
  /** Names of the parameters that change. All others stay where they are, and their towers run in evaluation mode. */
  readonly trained: readonly string[]
  readonly rule: UpdateRule
  /** 'layers': of the forward pass only what enters layers is kept, the rest computed again: less memory, more time. */
  readonly recompute?: 'layers'
}

/** What enters a layer, of a tower that is locked below it. */
export interface EnteringState {
  /** The layer, from 0 on. */
  readonly at: number
  /** `[B, L, D]`; with `keptTokens` those alone. Of maps `[B, C, H, W]`. */
  readonly hidden: Tensor<'float32'>
  /** `[height, width]` of the pictures, where not those of the tower's config. */
  readonly imageSize?: readonly [number, number]
}

/**
 * Inputs of `forward`, one text for each image; of a locked tower its embeddings in place of its inputs, of one that is
 * locked below a layer what enters that.
 */
export interface TrainingInputs extends Partial<TextModelInputs>, Partial<VisionModelInputs> {
  /** `[B, D]`, normalised. */
  readonly textEmbeds?: Tensor
  readonly imageEmbeds?: Tensor
  /** The pooled output of a tower, `[B, D]`, where no more than its projection learns. */
  readonly textPooled?: Tensor
  readonly imagePooled?: Tensor
  /** Beside the inputs of the texts. */
  readonly textEntering?: EnteringState
  /** In place of `pixelValues`. */
  readonly imageEntering?: EnteringState
  /** `[B, K]`: the tokens of each picture that are not left out, its class and register tokens among them. */
  readonly keptTokens?: Tensor<'int64'>
  /** `[B, B]`: 1 where two pairs are positives of each other; each pair of itself alone unless given. */
  readonly positives?: Tensor<'float32'>
  /** `[B]`: how much each pair counts. */
  readonly weights?: Tensor<'float32'>
  /** K texts of each pair that are wrong for its picture, `B * K` texts behind the others. Default: 0. */
  readonly hardNegatives?: number
}

export interface StepOptions {
  /** Those that the rule names. */
  readonly numbers: Readonly<Record<string, number>>
  /** What is dropped: the same for the same seed. Nothing without one. */
  readonly dropoutSeed?: number
  /** Rows that go through an encoder at a time (GradCache): less memory, the same gradient, a third more time. */
  readonly chunkSize?: number
  readonly signal?: AbortSignal
}

export interface StepResult {
  readonly loss: number
  /** Of all gradients together, before they are clipped. */
  readonly gradNorm: number
  /** What cosines were multiplied by, exp(logit_scale), in this step. */
  readonly logitScale: number
}

/** Values of trained parameters, and of each slot, by name. */
export interface TrainingState {
  readonly params: ReadonlyMap<string, Tensor<'float32'>>
  readonly slots: ReadonlyMap<string, ReadonlyMap<string, Tensor<'float32'>>>
}

/** A run in an engine, which keeps parameters and slots from step to step. One call at a time. */
export interface TrainingRun {
  step(inputs: TrainingInputs, options: StepOptions): Promise<StepResult>
  /** Embeddings of one side as parameters are now, or as a slot holds them, without dropout: `[B, D]`. */
  embed(kind: 'text' | 'vision', inputs: TrainingInputs, slot?: string): Promise<Tensor<'float32'>>
  state(): Promise<TrainingState>
  /** Goes on from a state. */
  restore(state: TrainingState): Promise<void>
  /** Writes the trained model as `savePretrained`; with the values of a slot (a running mean) where one is named. */
  savePretrained(target: TargetLike, slot?: string): Promise<void>
  dispose(): Promise<void>
}

/** The model with what was trained in its place. */
export const withTrained = (model: LoadedModel, values: ReadonlyMap<string, Tensor>): LoadedModel => ({
  ...model,
  weights: new Map([...model.weights].map(([name, entry]) => [name, trainedOr(entry, values.get(name))])),
})

const trainedOr = (entry: WeightEntry, value: Tensor | undefined): WeightEntry =>
  value ? memoryWeight(entry.name, value) : entry

/** One side of a step, checked. */
export function sideOf(encoder: EncoderSpec, inputs: TrainingInputs): Side<Tensor> {
  if (encoder.kind === 'text') {
    const { inputIds, attentionMask, tokenTypeIds, positionIds, taskTypeIds } = inputs
    const { textEmbeds, textPooled, textEntering } = inputs
    if (textEmbeds) return { embeds: textEmbeds }
    if (textPooled) return { inputs: {}, pooled: textPooled }
    const batch = textBatch(encoder, {
      inputIds,
      attentionMask,
      tokenTypeIds,
      positionIds,
      taskTypeIds,
    } as TextModelInputs)
    return { ...batch, ...(textEntering && { entering: textEntering }) }
  }
  const { pixelValues, imageEmbeds, imagePooled, imageEntering, keptTokens } = inputs
  if (imageEmbeds) return { embeds: imageEmbeds }
  if (imagePooled) return { inputs: {}, pooled: imagePooled }
  const batch = imageEntering ? unseen(encoder, imageEntering) : visionBatch(encoder, { pixelValues } as never, false)
  return { ...batch, ...(keptTokens && { kept: keptTokens }) }
}

/** Pictures that nobody looks at, since what they become is known. */
function unseen({ config }: VisionEncoderSpec, entering: EnteringState): Batch {
  const { imageSize = pairOf(config.imageSize) } = entering
  const dims = [entering.hidden.dims[0] as number, config.numChannels, ...imageSize]
  return { inputs: { pixelValues: { dims, dtype: 'float32', data: new Float32Array(0) } }, imageSize, entering }
}

/** Both sides of a step, checked. @throws InputError where a side is missing, or has other rows than the other */
export function sidesOf(
  { text, vision }: { readonly text: TextEncoderSpec; readonly vision: VisionEncoderSpec },
  inputs: TrainingInputs,
): { texts: Side<Tensor>; images: Side<Tensor> } {
  const texts = sideOf(text, inputs)
  const images = sideOf(vision, inputs)
  const { hardNegatives = 0 } = inputs
  const [textCount, imageCount] = [rowsOf(texts), rowsOf(images)]
  if (textCount !== imageCount * (1 + hardNegatives))
    throw new InputError(
      'batch-mismatch',
      `A training step needs one text for each image${hardNegatives ? ` and ${hardNegatives} hard negatives` : ''}: ` +
        `${textCount} texts and ${imageCount} images were given.`,
    )
  return { texts, images }
}

/** Rows of the batch. */
export const rowsOf = (side: Side<Tensor>): number =>
  ('embeds' in side ? side.embeds : ((side.pooled ?? side.inputs.inputIds ?? side.inputs.pixelValues) as Tensor))
    .dims[0] as number

/** All rows, so many at a time. */
export const spansOf = (rows: number, size: number): readonly (readonly [start: number, end: number])[] =>
  Array.from({ length: Math.ceil(rows / size) }, (_, i) => [i * size, Math.min((i + 1) * size, rows)])

/** Rows `[start, end)` of a side. Inputs that are one for all rows stay as they are. */
export const rowsAt = (encoder: EncoderSpec, side: Side<Tensor>, start: number, end: number): Side<Tensor> =>
  eachOfRows(encoder, side, (x) => sliceRows(x, start, end))

/** A side with what has its rows changed. */
export function eachOfRows<T>(encoder: EncoderSpec, side: Side<T>, change: (x: T) => T): Side<T> {
  if ('embeds' in side) return { embeds: change(side.embeds) }
  const { entering, kept, pooled } = side
  const ofRows = new Set(encoderInputs(encoder).flatMap(({ name, dims }) => (dims[0] === 'batch' ? [name] : [])))
  const inputs = Object.entries(side.inputs).map(([name, x]) => [name, ofRows.has(name) ? change(x) : x])
  return {
    ...side,
    inputs: Object.fromEntries(inputs) as Batch<T>['inputs'],
    ...(entering && { entering: { ...entering, hidden: change(entering.hidden) } }),
    ...(kept && { kept: change(kept) }),
    ...(pooled && { pooled: change(pooled) }),
  }
}
