import type { ParamMask } from '@dual-encoder/core'
import {
  type Batch,
  encode,
  type EncodeRequest,
  type EncoderOutput,
  type LoadedModel,
  namesInMask,
  OptionError,
} from '@dual-encoder/core/backend'
import { logitsOf, lossOfRows, lossOnTape, Tape, type Traced } from '@dual-encoder/core/training'
import * as tf from '@tensorflow/tfjs-core'
import { drawFactors, DropoutMasks } from './dropout'
import type { Engine } from './engine'
import type { Params } from './params'
import { changed, onDevice } from './runner'
import { TreeWeights } from './weights'

export interface TrainOptions {
  /** With dropout, attention dropout and stochastic depth as the configs say. Needs `dropoutSeed`. */
  train?: boolean
  /** What `train` drops: the same for the same seed. Give each step another one. */
  dropoutSeed?: number
  /** Accept images of another size than the tower was trained on. */
  interpolatePosEncoding?: boolean
}

export interface ApplyOptions extends TrainOptions {
  /** Also compute the family's loss: row i of the texts belongs to image i. */
  returnLoss?: boolean
  outputAttentions?: boolean
  outputHiddenStates?: boolean
}

export interface GradOptions extends TrainOptions {
  /** The parameters whose gradients are wanted; all by default. */
  mask?: ParamMask
  /** Default: the family's. */
  loss?: 'clip' | 'siglip'
}

/** `TowerModelOutput` in TensorFlow.js tensors. */
export interface TowerTensors {
  readonly lastHiddenState: tf.Tensor
  readonly poolerOutput: tf.Tensor
  readonly hiddenStates?: readonly tf.Tensor[]
  readonly attentions?: readonly tf.Tensor[]
}

/** `DualEncoderOutput` in TensorFlow.js tensors, for the caller to dispose of. */
export interface DualEncoderTensors {
  readonly loss?: tf.Scalar
  readonly logitsPerImage: tf.Tensor2D
  readonly logitsPerText: tf.Tensor2D
  readonly textEmbeds: tf.Tensor2D
  readonly imageEmbeds: tf.Tensor2D
  readonly textModelOutput: TowerTensors
  readonly visionModelOutput: TowerTensors
}

export interface Batches {
  readonly texts: Batch
  readonly images: Batch
}

const TRAIN_OPTIONS = ['train', 'dropoutSeed', 'interpolatePosEncoding'] as const
export const APPLY_OPTIONS = [...TRAIN_OPTIONS, 'returnLoss', 'outputAttentions', 'outputHiddenStates'] as const
export const GRAD_OPTIONS = [...TRAIN_OPTIONS, 'mask', 'loss'] as const

/** @throws OptionError where dropout would be the same at every step because no seed was given. */
function seedOf({ train, dropoutSeed }: TrainOptions): number | undefined {
  if (!train) return undefined
  if (Number.isInteger(dropoutSeed)) return dropoutSeed
  throw new OptionError(
    'no-dropout-seed',
    `train: true needs an integer dropoutSeed, another one for each step; ${String(dropoutSeed)} was given.`,
  )
}

/** Runs one encoder on a tree of parameters. */
function encoded(
  engine: Engine,
  model: LoadedModel,
  params: Params,
  kind: 'vision' | 'text',
  batch: Batch,
  request: EncodeRequest,
  seed: number | undefined,
): EncoderOutput<tf.Tensor> {
  const encoder = model[kind]
  const masks = seed === undefined ? undefined : new DropoutMasks(seed, encoder.kind)
  return encode(engine.ops(new TreeWeights(params), masks), encoder, onDevice(batch), request)
}

/** The model as a pure function of its parameters. Within `tf.tidy`. */
export function applyModel(
  engine: Engine,
  model: LoadedModel,
  params: Params,
  { texts, images }: Batches,
  options: ApplyOptions,
): DualEncoderTensors {
  const seed = seedOf(options)
  const request = {
    lastHiddenState: true,
    poolerOutput: true,
    embeds: true,
    attentions: options.outputAttentions,
    hiddenStates: options.outputHiddenStates,
  }
  const text = encoded(engine, model, params, 'text', texts, request, seed)
  const vision = encoded(engine, model, params, 'vision', images, request, seed)
  const [textEmbeds, imageEmbeds] = [text.embeds, vision.embeds] as [tf.Tensor2D, tf.Tensor2D]
  const { logit_scale: scale, logit_bias: bias } = params
  const ops = engine.ops(new TreeWeights(params))
  const logitsPerText = logitsOf(ops, textEmbeds, imageEmbeds, scale as tf.Tensor, bias) as tf.Tensor2D
  const rows = { text: textEmbeds, image: imageEmbeds }
  return {
    ...(options.returnLoss ? { loss: lossOfRows<tf.Tensor>(ops, model.config, rows) as tf.Scalar } : {}),
    logitsPerImage: tf.transpose(logitsPerText),
    logitsPerText,
    textEmbeds,
    imageEmbeds,
    textModelOutput: towerTensors(text),
    visionModelOutput: towerTensors(vision),
  }
}

const towerTensors = ({ lastHiddenState, poolerOutput, hiddenStates, attentions }: EncoderOutput<tf.Tensor>) => ({
  lastHiddenState: lastHiddenState as tf.Tensor,
  poolerOutput,
  ...(hiddenStates ? { hiddenStates } : {}),
  ...(attentions ? { attentions } : {}),
})

const traced = (batch: Batch<tf.Tensor>): Batch<Traced<tf.Tensor>> => changed(batch, (value) => ({ value }))

/**
 * The family's loss and its gradient with respect to the parameters in the mask; zeros where the loss does not depend on
 * one. On core's tape, which has a rule for every op: TensorFlow.js's own has none for convolutions in files that Node can
 * load. Within `tf.tidy`.
 */
export function lossAndGrads(
  engine: Engine,
  model: LoadedModel,
  params: Params,
  { texts, images }: Batches,
  options: GradOptions,
): { value: tf.Scalar; grads: Params } {
  const seed = seedOf(options)
  const names = new Set(namesInMask(Object.keys(params), options.mask, 'mask'))
  const ops = engine.ops(new TreeWeights(params))
  const tape = new Tape<tf.Tensor>(ops, (name) => names.has(name))
  const loss = lossOnTape(
    tape,
    model,
    { texts: traced(onDevice(texts)), images: traced(onDevice(images)) },
    {},
    { loss: options.loss, ...(seed === undefined ? {} : { draw: (of) => drawFactors(seed, of) }) },
  )
  const found = tape.gradients([[loss, ops.scalar(1)]]).params
  const grads = [...names].map((name) => [name, found.get(name) ?? tf.zerosLike(params[name] as tf.Tensor)])
  return { value: loss.value as tf.Scalar, grads: Object.fromEntries(grads) as Params }
}
