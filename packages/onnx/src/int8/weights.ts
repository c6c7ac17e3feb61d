import type { Tensor } from '@dual-encoder/core'
import {
  type Norm,
  type Param,
  someRows,
  storedParts,
  tensor,
  type WeightEntry,
  type WeightRecipe,
  type Weights,
} from '@dual-encoder/core/backend'
import { zeroColumns } from './forms'
import { type Int8Element, type Int8Form, type Int8Plan, isEven, type Place } from './plan'
import { type Beside, recipeOf } from './recipe'

/** One of the tensors that a graph reads in place of a float32 weight `[out, in]`. */
export interface Int8Part {
  readonly name: string
  readonly element: 'uint8' | 'int8' | 'float32'
  readonly shape: readonly number[]
}

/** What a graph reads of a linear layer, and of the norm before it. */
export interface Int8Layer {
  readonly form: Int8Form
  /** Of values. */
  readonly element: Int8Element
  /**
   * Of `rows`: values `[in, out]`, scales `[out]`, and where they are turned what takes 128 off the bytes `[out]`; else the
   * values have columns for a row's zero (`zeroColumns`).
   * Of `words`: values, scales and what takes 128 off the bytes, of the whole steps and then of the rest.
   */
  readonly parts: readonly Int8Part[]
  /** What the norm before it multiplies by, adding nothing. */
  readonly gain?: Int8Part
  /** In place of the layer's own, where `parts` have none: with what the norm's adds. */
  readonly bias?: Int8Part
}

const STORAGE = { uint8: 'U8', int8: 'I8', float32: 'F32' } as const

const madeWeight = (
  weight: Pick<WeightEntry, 'name' | 'shape' | 'storage'>,
  made: NonNullable<WeightEntry['made']>,
): WeightEntry => ({
  ...weight,
  made,
  read: async () => {
    const { of, make } = made.by
    const { data, dims, dtype } = make(await Promise.all(of.map((entry) => entry.read())))[made.index] as Tensor
    return tensor(data.slice(), dims, dtype)
  },
})

/** Whether the channels of a norm are shared out. */
const isBalanced = (form: Int8Form): boolean => form.form === 'rows' && form.outliers !== 'turned'

/** The rows that a layer has of a packed weight, as a weight of their own; all of it without `rows`. */
const partOf = (entry: WeightEntry, rows: Param['rows']): WeightEntry =>
  rows ? someRows(entry, `${entry.name}.${rows[0]}`, ...rows) : entry

/**
 * The int8 weights of one encoder, made when they are read. A norm's outlying channels would cost all others their
 * precision: its bias goes into the bias of the layer behind it, and its gain is shared out between activations and
 * weights, so that a channel is as far from its like in either (SmoothQuant's balance, arXiv 2211.10438, with the gain
 * in place of what calibration would measure). Where they are `balanced` alone the weights' own columns do not count
 * (`evenly`): real towers lose less so, and layers behind one norm share its output as bytes.
 */
export class Int8Weights {
  /** All that graphs read: the checkpoint's weights, and what was made of them. */
  readonly weights: Map<string, WeightEntry>

  constructor(
    private readonly given: Weights,
    private readonly plan: Int8Plan,
    private readonly element: Int8Element,
  ) {
    this.weights = new Map(given)
  }

  /**
   * The layer's int8 form; undefined where it stays float32.
   * @param given the norm that gave the layer's input
   */
  layer(weight: Param, bias: Param | undefined, given: Norm | undefined, place?: Place): Int8Layer | undefined {
    const whole = this.given.get(weight.name)
    const form = whole && this.plan(weight, place)
    if (!form) return undefined
    const entry = partOf(whole, weight.rows)
    const even = isEven(form)
    const norm = isBalanced(form) ? given : undefined
    const prefix = `${entry.name}.int8${norm ? '_normed' : ''}`
    const [outputs = 0, inputs = 0] = entry.shape
    const part = (name: string, element: Int8Part['element'], shape: readonly number[]): Int8Part => ({
      name: `${prefix}_${name}`,
      element,
      shape,
    })
    const gain = norm && (even ? this.#evenGain(norm) : part('gain', 'float32', [inputs]))
    const withNorm = norm && part('bias', 'float32', [outputs])
    const rows = (of = '') => [
      part(`${of}values`, this.element, [even ? inputs + zeroColumns(inputs) : inputs, outputs]),
      part(`${of}scales`, 'float32', [outputs]),
      ...(even ? [] : [part(`${of}added`, 'float32', [outputs])]),
    ]
    const parts = [...rows(), ...(form.form === 'words' ? rows('rest_') : [])]
    const by = this.#recipe(entry, form, bias, norm)
    const made = [...parts, ...(withNorm ? [withNorm] : []), ...(gain && !even ? [gain] : [])]
    for (const [index, { name, element, shape }] of made.entries())
      this.weights.set(name, madeWeight({ name, shape, storage: STORAGE[element] }, { by, index }))
    return { form, element: this.element, parts, gain, bias: withNorm }
  }

  /** One for all layers behind the norm. */
  #evenGain({ weight }: Norm): Int8Part {
    const entry = this.given.get(weight.name) as WeightEntry
    const name = `${entry.name}.int8_even`
    const { shape } = entry
    const made = { by: recipeOf([entry], 'even gains'), index: 0 }
    this.weights.set(name, madeWeight({ name, shape, storage: STORAGE.float32 }, made))
    return { name, element: 'float32', shape }
  }

  /**
   * Values `[rows, columns]` and scales `[rows, groups]` of a table that the checkpoint holds as int8: looked up so, a row is
   * the float32 that the whole table would have had there. Others stay float32.
   */
  table({ name }: Param): readonly [values: Int8Part, scales: Int8Part] | undefined {
    const stored = this.given.get(name)?.quantized
    if (!stored) return undefined
    const { values, scales } = stored
    const element = values.storage === 'U8' ? 'uint8' : 'int8'
    return [
      this.#part(values, `${name}.int8_table`, element, values.shape),
      this.#part(scales, `${name}.int8_table_scales`, 'float32', scales.shape),
    ]
  }

  /** What lies in a file, under another name. */
  #part(entry: WeightEntry, name: string, element: Int8Part['element'], shape: readonly number[]): Int8Part {
    this.weights.set(name, { ...entry, name, shape, read: () => entry.read() })
    return { name, element, shape }
  }

  #recipe(entry: WeightEntry, form: Int8Form, bias: Param | undefined, norm: Norm | undefined): WeightRecipe {
    const read: readonly (readonly [Beside, Param | undefined])[] = [
      ['gains', norm?.weight],
      ['offsets', norm?.bias],
      ['bias', norm ? bias : undefined],
    ]
    const beside = read.flatMap(([name, param]) => {
      const found = param && this.given.get(param.name)
      return found ? [{ name, found: partOf(found, param.rows) }] : []
    })
    const of = [...storedParts(entry), ...beside.map(({ found }) => found)]
    return recipeOf(of, { form, element: this.element, beside: beside.map(({ name }) => name) })
  }
}
