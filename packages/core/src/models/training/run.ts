import type { TargetLike } from '../../files/target'
import type { WeightEntry } from '../../weights/entry'
import { InputError } from '../../base/errors'
import type { Tensor } from '../../base/tensor'
import type { Primitives } from '../../ops/ops'
import { type Batch, encoderInputs, type EncoderSpec, type TextEncoderSpec, type VisionEncoderSpec } from '../encoder'
import { textBatch, type TextModelInputs, visionBatch, type VisionModelInputs } from '../inputs'
import { memoryWeight } from '../initialize'
import type { LoadedModel } from '../load'
import type { Side } from './objective'

/** A parameter in an update: its value, its gradient, and what the rule keeps of it, all of its shape. */
export interface Updated<T> {
  readonly param: T
  readonly grad: T
  readonly state: Readonly<Record<string, T>>
}

/** What is done with gradients, once for every backend. */
export interface UpdateRule {
  /** What is kept of each parameter between steps, by name; zero at first unless said otherwise. */
  readonly slots: readonly string[]
  /** The slots that begin as the parameter itself (a running mean of it). */
  readonly likeParams?: readonly string[]
  /** Names of the scalars that a step is given. */
  readonly numbers: readonly string[]
  /** `norm`: of all gradients together. */
  update<T>(
    ops: Primitives<T>,
    given: ReadonlyMap<string, Updated<T>>,
    numbers: Readonly<Record<string, T>>,
  ): {
    readonly params: ReadonlyMap<string, Omit<Updated<T>, 'grad'>>
    readonly norm: T
  }
}

/** What a backend is told of a training run. */
export interface TrainingPlan {
  /** Default: the family's. */
  readonly loss?: 'clip' | 'siglip'
  /** Names of the parameters that change. All others stay where they are, and their towers run in evaluation mode. */
  readonly trained: readonly string[]
  readonly rule: UpdateRule
}

/** Inputs of `forward`, one text for each image; of a locked tower its embeddings, in place of its inputs. */
export interface TrainingInputs extends Partial<TextModelInputs>, Partial<VisionModelInputs> {
  /** `[B, D]`, normalised. */
  readonly textEmbeds?: Tensor
  readonly imageEmbeds?: Tensor
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
}

/** Values of trained parameters, and of each slot, by name. */
export interface TrainingState {
  readonly params: ReadonlyMap<string, Tensor<'float32'>>
  readonly slots: ReadonlyMap<string, ReadonlyMap<string, Tensor<'float32'>>>
}

/** A run in an engine, which keeps parameters and slots from step to step. One call at a time. */
export interface TrainingRun {
  step(inputs: TrainingInputs, options: StepOptions): Promise<StepResult>
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

/** Both sides of a step, checked. @throws InputError where a side is missing, or has other rows than the other */
export function sidesOf(
  { text, vision }: { readonly text: TextEncoderSpec; readonly vision: VisionEncoderSpec },
  { textEmbeds, imageEmbeds, ...inputs }: TrainingInputs,
): { texts: Side<Tensor>; images: Side<Tensor> } {
  const texts = textEmbeds ? { embeds: textEmbeds } : textBatch(text, inputs as TextModelInputs)
  const images = imageEmbeds ? { embeds: imageEmbeds } : visionBatch(vision, inputs as VisionModelInputs, false)
  const [textCount, imageCount] = [rowsOf(texts), rowsOf(images)]
  if (textCount !== imageCount)
    throw new InputError(
      'batch-mismatch',
      `A training step needs one text for each image: ${textCount} texts and ${imageCount} images were given.`,
    )
  return { texts, images }
}

/** Rows of the batch. */
export const rowsOf = (side: Side<Tensor>): number =>
  ('embeds' in side ? side.embeds : ((side.inputs.inputIds ?? side.inputs.pixelValues) as Tensor)).dims[0] as number

/** Rows `[start, end)` of a side. Inputs that are one for all rows stay as they are. */
export function rowsAt(encoder: EncoderSpec, side: Side<Tensor>, start: number, end: number): Side<Tensor> {
  const cut = (x: Tensor): Tensor => {
    const width = x.data.length / (x.dims[0] as number)
    return {
      ...x,
      dims: [end - start, ...x.dims.slice(1)],
      data: (x.data as Float32Array).subarray(start * width, end * width),
    }
  }
  if ('embeds' in side) return { embeds: cut(side.embeds) }
  const ofRows = new Set(encoderInputs(encoder).flatMap(({ name, dims }) => (dims[0] === 'batch' ? [name] : [])))
  const inputs = Object.entries(side.inputs).map(([name, x]) => [name, ofRows.has(name) ? cut(x) : x])
  return { ...side, inputs: Object.fromEntries(inputs) as Batch['inputs'] }
}
