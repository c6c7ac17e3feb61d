import { type EncoderSpec, encoderParams, type Param } from '@dual-encoder/core/backend'
import type { OnnxOptions } from '../options'

/**
 * How a linear layer computes in int8. `rows`: a row of the weight has one scale, and a row of the activations the range
 * between its least and largest value.
 * `words`: rows of 16 bits, in two bytes a value: what rounding loses is next to nothing, for half the memory of float32 and its time.
 * Either way a row of the activations is rounded by itself, whatever else is in the batch.
 */
export type Int8Form = { readonly form: 'rows'; readonly outliers: Outliers } | { readonly form: 'words' }

/**
 * What is done with values of a row that are far larger than its others. `turned`: rows of activations and weights are
 * multiplied by a Hadamard matrix, which leaves the product what it is and gives each of its values a share of them.
 * `balanced`: the channels of a norm are shared out alike for all layers behind it, which costs nothing, and keeps half as
 * much. `balanced and turned`: they are shared out by the layer's own columns, and what comes of that is turned.
 */
type Outliers = 'turned' | 'balanced' | 'balanced and turned'

/** Whether the channels of a norm are shared out alike for all layers behind it. */
export const isEven = (form: Int8Form): boolean => form.form === 'rows' && form.outliers === 'balanced'

/**
 * Where in a tower a layer is. `scores`: it makes queries and keys; `attended`: what is attended to (values), or what becomes of
 * that; `activated`: it reads what an activation gave; `pooled`: it reads one vector of each picture or text.
 */
export type Place = 'scores' | 'attended' | 'activated' | 'pooled'

/** What a weight's steps are stored as: int8, or bytes of which 128 is 0. */
export type Int8Element = 'int8' | 'uint8'

/** The form of a layer's weight; undefined where it stays float32. */
export type Int8Plan = (weight: Param, place?: Place) => Int8Form | undefined

const TURNED = { form: 'rows', outliers: 'turned' } as const

const WORDS = { form: 'words' } as const

const BALANCED = { form: 'rows', outliers: 'balanced' } as const

/** Of texts where it is careful. */
const BALANCED_AND_TURNED = { form: 'rows', outliers: 'balanced and turned' } as const

/** Of a tower's weights, in the order of its computation: what these lose stays in what comes out. */
function lastQuarter(encoder: EncoderSpec): ReadonlySet<string> {
  const names = [...encoderParams(encoder).keys()]
  return new Set(names.slice(Math.ceil((names.length * 3) / 4)))
}

/** @param dtype not float32 */
export function int8Plan(
  encoder: EncoderSpec,
  dtype: Exclude<OnnxOptions['dtype'], 'float32' | undefined>,
  element: Int8Element,
): Int8Plan {
  const { kind } = encoder
  const isCareful = dtype === 'int8'
  // Of bytes, three products take longer than one of float32.
  const words = element === 'int8' ? WORDS : undefined
  const last = kind === 'vision' && isCareful ? lastQuarter(encoder) : undefined
  return ({ name, shape }, place) => {
    // Of what is pooled so little is computed that int8 would only lose.
    if (shape.length !== 2 || place === 'pooled') return undefined
    if (kind === 'vision') {
      if (!isCareful) return BALANCED
      // A quarter of what the tower loses: the layers before bring less than their words would cost.
      return place === 'attended' && last?.has(name) ? words : TURNED
    }
    // To turn what an activation gave would take a twelfth of the time, and spares little.
    if (!isCareful) return place === 'activated' ? BALANCED : TURNED
    // A sixth of a layer's weights, which would bring two fifths of what the tower loses; scores bring next to nothing.
    if (place === 'attended') return words
    return place === 'scores' ? TURNED : BALANCED_AND_TURNED
  }
}
