import type { Tensor } from '@dual-encoder/core'
import {
  breathing,
  copying,
  encode,
  encoderInputs,
  type EncoderSpec,
  float32Of,
  type Pieces,
  snakeCase,
} from '@dual-encoder/core/backend'
import {
  type DropoutOf,
  eachOfRows,
  embedsOnTape,
  lossOnTape,
  type LossRows,
  type Objective,
  type ObjectiveModel,
  type Side,
  type Tape,
  type Traced,
} from '@dual-encoder/core/training'
import type { OnnxOps } from '../ops'
import type { OnnxValue } from '../primitives'
import type { Drawn, Plain } from '../runtime/store'
import { partsOf } from './parts'

export interface Sides<T = Tensor> {
  readonly texts: Side<T>
  readonly images: Side<T>
}

/** An input of a graph that holds the factors of a dropout. */
export interface Dropped {
  readonly name: string
  readonly of: DropoutOf
  readonly index: number
  readonly dims: readonly number[]
  readonly rate: number
  readonly tokens: number
  /** Of the batch that these factors begin with. */
  readonly firstRow: number
}

/** The factors of each dropout as inputs, drawn from a seed. */
export const drawnInputs = (dropped: readonly Dropped[], seed: number, firstRow: number): Record<string, Drawn> =>
  Object.fromEntries(
    dropped.map(({ name, of, index, dims, rate, tokens, firstRow: first }) => [
      name,
      { dropout: { seed, of, index, firstRow: firstRow + first }, dims, rate, tokens },
    ]),
  )

export const EMBEDS = { text: 'text_embeds', vision: 'image_embeds' } as const

const hiddenOf = (kind: DropoutOf, at: number): string => `${kind}_entering_${at}`
const pooledOf = (kind: DropoutOf): string => `${kind}_pooled`
const KEPT = 'kept_tokens'

/** Host tensors of one side by their names in graphs. */
export function namedInputs(kind: DropoutOf, side: Side<Tensor>): Record<string, Plain> {
  if ('embeds' in side) return { [EMBEDS[kind]]: plainOf(side.embeds) }
  const { entering, kept, pooled } = side
  return {
    ...Object.fromEntries(Object.entries(side.inputs).map(([name, x]) => [snakeCase(name), plainOf(x)])),
    ...(entering && { [hiddenOf(kind, entering.at)]: plainOf(entering.hidden) }),
    ...(kept && { [KEPT]: plainOf(kept) }),
    ...(pooled && { [pooledOf(kind)]: plainOf(pooled) }),
  }
}

/** What says how rows belong together, by its names in graphs. */
export type Beside<T = Tensor> = Pick<LossRows<T>, 'positives' | 'weights'>
export const namedBeside = (beside: Beside): Record<string, Plain> =>
  Object.fromEntries(Object.entries(beside).map(([name, x]) => [name, plainOf(x)]))
export const writeBeside = (ops: OnnxOps, beside: Beside): Beside<Traced<OnnxValue>> =>
  Object.fromEntries(
    Object.entries(beside).map(([name, { dims }]) => [name, { value: ops.input(name, 'float32', dims) }]),
  )

export const plainOf = ({ dims, dtype, data }: Tensor): Plain => ({ dims, dtype, data: data as Float32Array })

/** A copy, which the engine may have. */
export async function ownOf(x: Tensor): Promise<Plain> {
  const values = float32Of({ ...x, dtype: 'float32' } as Tensor)
  return { dims: x.dims, dtype: 'float32', data: await breathing(copying(new Float32Array(values.length), values)) }
}

export const numberInputs = (numbers: Readonly<Record<string, number>>): Record<string, Plain> =>
  Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [
      `number.${name}`,
      { dims: [], dtype: 'float32', data: Float32Array.of(value) },
    ]),
  )

/** What a graph is for, of all that is sized as these are. */
export const shapeKey = (inputs: Readonly<Record<string, Plain>>): string =>
  Object.entries(inputs)
    .map(([name, { dims }]) => `${name}[${dims.join()}]`)
    .join(' ')

/** Inputs of a graph for one side, of the sizes that it has here. */
function writeSide(ops: OnnxOps, encoder: EncoderSpec, side: Side<Tensor>): Side<Traced<OnnxValue>> {
  const { kind } = encoder
  if ('embeds' in side) return { embeds: { value: ops.input(EMBEDS[kind], 'float32', side.embeds.dims) } }
  const { entering, kept, pooled } = side
  if (pooled) return { inputs: {}, pooled: { value: ops.input(pooledOf(kind), 'float32', pooled.dims) } }
  const inputs = encoderInputs(encoder, side.imageSize).map(({ name, dtype }) => {
    const { dims } = side.inputs[name] as Tensor
    return [name, { value: ops.input(snakeCase(name), dtype, dims) }] as const
  })
  const hidden = entering && { value: ops.input(hiddenOf(kind, entering.at), 'float32', entering.hidden.dims) }
  return {
    imageSize: side.imageSize,
    inputs: Object.fromEntries(inputs),
    ...(entering && hidden && { entering: { at: entering.at, hidden } }),
    ...(kept && { kept: { value: ops.input(KEPT, 'int64', kept.dims) } }),
  }
}

/** Dropout whose factors are inputs of the graph, noted in `dropped`. */
const drawAsInputs =
  (ops: OnnxOps, dropped: Dropped[], firstRow = 0) =>
  (of: DropoutOf) =>
  (index: number, dims: readonly number[], rate: number, tokens: number): OnnxValue => {
    const name = `dropout.${of}.${index}@${firstRow}`
    dropped.push({ name, of, index, dims, rate, tokens, firstRow })
    return ops.input(name, 'float32', dims)
  }

/** The loss of matching rows on a tape over a graph, for batches of these sizes. */
export function* writeLoss(
  ops: OnnxOps,
  tape: Tape<OnnxValue>,
  model: ObjectiveModel,
  sides: Sides,
  { beside = {}, dropped, ...objective }: Objective<OnnxValue> & { beside?: Beside; dropped?: Dropped[] },
): Pieces<Traced<OnnxValue>> {
  const texts = { embeds: yield* writeEmbeds(ops, tape, model.text, sides.texts, dropped) }
  const images = { embeds: yield* writeEmbeds(ops, tape, model.vision, sides.images, dropped) }
  return lossOnTape(tape, model, { texts, images }, writeBeside(ops, beside), objective)
}

/** What texts' first layer is given, of all at once: each part would have a gradient of their table, as large as that. */
function lookedUp(
  tape: Tape<OnnxValue>,
  encoder: EncoderSpec,
  side: Side<Traced<OnnxValue>>,
  draw: Objective<OnnxValue>['draw'],
): Traced<OnnxValue> | undefined {
  if ('embeds' in side) return undefined
  tape.dropBy(draw?.(encoder.kind))
  return encode(tape, encoder, side, { entering: { at: 0 } }).entering as Traced<OnnxValue> | undefined
}

/** Embeddings of one side on a tape over a graph. */
export function* writeEmbeds(
  ops: OnnxOps,
  tape: Tape<OnnxValue>,
  encoder: EncoderSpec,
  side: Side<Tensor>,
  dropped: Dropped[] | undefined,
): Pieces<Traced<OnnxValue>> {
  const written = writeSide(ops, encoder, side)
  const parts = ops.onProcessor ? partsOf(encoder, side) : []
  const drawn = (firstRow?: number) => dropped && drawAsInputs(ops, dropped, firstRow)
  yield
  if (parts.length < 2) return embedsOnTape(tape, encoder, written, drawn())
  const looked = encoder.kind === 'text' ? lookedUp(tape, encoder, written, drawn()) : undefined
  const embeds: Traced<OnnxValue>[] = []
  for (const [start, end] of parts) {
    yield
    const rows = eachOfRows(encoder, written, ({ value }) => ({ value: ops.slice(value, 0, start, end) }))
    const entering = looked && { at: 0, hidden: tape.slice(looked, 0, start, end) }
    embeds.push(embedsOnTape(tape, encoder, entering ? { ...rows, entering } : rows, drawn(start)))
  }
  yield
  return tape.concat(embeds, 0)
}
