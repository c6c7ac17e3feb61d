import type { Tensor } from '@dual-encoder/core'
import {
  type DropoutOf,
  encoderInputs,
  type EncoderSpec,
  lossOnTape,
  type ObjectiveModel,
  type Side,
  snakeCase,
  type Tape,
  type Traced,
} from '@dual-encoder/core/backend'
import type { OnnxOps } from '../ops'
import type { OnnxValue } from '../primitives'
import type { Plain } from '../runtime/store'

export interface Sides<T = Tensor> {
  readonly texts: Side<T>
  readonly images: Side<T>
}

/** An input of a graph that holds the factors of a dropout. */
export interface Dropped {
  readonly name: string
  readonly of: DropoutOf
  readonly place: number
  readonly dims: readonly number[]
  readonly rate: number
}

export const EMBEDS = { text: 'text_embeds', vision: 'image_embeds' } as const

/** Host tensors of one side by their names in graphs. */
export function namedInputs(kind: DropoutOf, side: Side<Tensor>): Record<string, Plain> {
  const named = 'embeds' in side ? { [EMBEDS[kind]]: side.embeds } : side.inputs
  const entries = Object.entries(named).map(([name, { dims, dtype, data }]) => [
    'embeds' in side ? name : snakeCase(name),
    { dims, dtype, data },
  ])
  return Object.fromEntries(entries) as Record<string, Plain>
}

/** Inputs of a graph for one side, of the sizes that it has here. */
export function writeSide(ops: OnnxOps, encoder: EncoderSpec, side: Side<Tensor>): Side<Traced<OnnxValue>> {
  if ('embeds' in side) return { embeds: { value: ops.input(EMBEDS[encoder.kind], 'float32', side.embeds.dims) } }
  const inputs = encoderInputs(encoder, side.imageSize).map(({ name, dtype }) => {
    const { dims } = side.inputs[name] as Tensor
    return [name, { value: ops.input(snakeCase(name), dtype, dims) }] as const
  })
  return { ...side, inputs: Object.fromEntries(inputs) }
}

/** Dropout whose factors are inputs of the graph, noted in `dropped`. */
export const drawAsInputs =
  (ops: OnnxOps, dropped: Dropped[]) =>
  (of: DropoutOf) =>
  (place: number, dims: readonly number[], rate: number): OnnxValue => {
    const name = `dropout.${of}.${place}`
    dropped.push({ name, of, place, dims, rate })
    return ops.input(name, 'float32', dims)
  }

/** The loss of matching rows on a tape over a graph, for batches of these sizes. */
export function writeLoss(
  ops: OnnxOps,
  tape: Tape<OnnxValue>,
  model: ObjectiveModel,
  sides: Sides,
  { loss, dropped }: { loss?: 'clip' | 'siglip'; dropped?: Dropped[] },
): Traced<OnnxValue> {
  const texts = writeSide(ops, model.text, sides.texts)
  const images = writeSide(ops, model.vision, sides.images)
  return lossOnTape(tape, model, { texts, images }, { loss, draw: dropped && drawAsInputs(ops, dropped) })
}
