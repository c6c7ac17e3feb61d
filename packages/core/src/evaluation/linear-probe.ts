import { checkOptions, InputError, OptionError } from '../base/errors'
import { type Tensor, tensor } from '../base/tensor'
import { type Accuracy, topKAccuracy } from './accuracy'
import type { Rows } from '../retrieval/dots'
import { rowsOf } from './blocks'
import { minimise, type Vector } from './lbfgs'

export interface LinearProbeOptions {
  /** Inverse strengths of the regularisation to choose from. Default: 10^-3 to 10^6, half a power apart. */
  C?: number | readonly number[]
  /** The part that `C` is chosen on; what has the highest accuracy there, the smaller of equals, is fitted on both. */
  validation?: { features: Tensor; labels: ArrayLike<number> }
  /** Default: 1000. */
  maxIterations?: number
  /** Ends where no part of the gradient of the mean loss is larger. Default: 1e-6. */
  tolerance?: number
  signal?: AbortSignal
}

const DEFAULT_C = Array.from({ length: 19 }, (_, i) => 10 ** (i / 2 - 3))

/** A multinomial logistic regression on features of a model that stays as it is. */
export class LinearProbe {
  private constructor(
    /** `[classes, D]` and `[classes]`. */
    readonly weight: Tensor<'float32'>,
    readonly bias: Tensor<'float32'>,
    /** The inverse strength of the regularisation that was taken. */
    readonly C: number,
    /** Of each C that was tried, its accuracy on the validation part. */
    readonly tried: readonly { readonly C: number; readonly accuracy: number }[],
  ) {}

  /**
   * Fits features `[N, D]` to labels 0, 1, ... as scikit-learn's `LogisticRegression(solver="lbfgs")` does: the summed
   * cross-entropy times C, plus half the squared weights (not the bias).
   */
  static async fit(
    features: Tensor,
    labels: ArrayLike<number>,
    options: LinearProbeOptions = {},
  ): Promise<LinearProbe> {
    checkOptions(options, ['C', 'validation', 'maxIterations', 'tolerance', 'signal'], 'LinearProbe.fit')
    const { validation, maxIterations = 1000, tolerance = 1e-6, signal } = options
    const train = examplesOf(features, labels)
    const held = validation && examplesOf(validation.features, validation.labels, train.rows.size)
    const grid = [options.C ?? (held ? DEFAULT_C : 1)].flat()
    if (!grid.every((C) => C > 0 && C < Infinity) || grid.length === 0)
      throw new OptionError('bad-option', `C is ${grid.join(', ')}; positive numbers are needed.`)
    if (grid.length > 1 && !held)
      throw new OptionError('bad-option', 'LinearProbe.fit: to choose among several C, give a validation part.')
    const classes = 1 + Math.max(train.classes, held?.classes ?? 0)
    const fitted = async (examples: Examples, C: number, start?: Vector) => {
      await new Promise((resolve) => setTimeout(resolve))
      signal?.throwIfAborted()
      const point = start ?? new Float64Array(classes * (train.rows.size + 1))
      return minimise(lossOf(examples, classes, C), point, { maxIterations, tolerance }).point
    }
    const tried: { C: number; accuracy: number }[] = []
    let point: Vector | undefined
    // From strong to weak, each from where the last one ended.
    for (const C of held ? [...grid].sort((a, b) => a - b) : []) {
      point = await fitted(train, C, point)
      const scores = scoresOf(held!.rows, point, classes)
      tried.push({ C, accuracy: topKAccuracy(scores, held!.labels, [1])[1]! })
    }
    const best = tried.reduce((a, b) => (b.accuracy > a.accuracy ? b : a), tried[0] ?? { C: grid[0]!, accuracy: NaN })
    point = await fitted(held ? joined(train, held) : train, best.C, point)
    const { size } = train.rows
    const of = (values: Vector, dims: number[]) => tensor(Float32Array.from(values), dims)
    return new LinearProbe(
      of(point.subarray(0, classes * size), [classes, size]),
      of(point.subarray(classes * size), [classes]),
      best.C,
      tried,
    )
  }

  /** Scores `[N, classes]` of features `[N, D]`. */
  scores(features: Tensor): Tensor<'float32'> {
    const [classes = 0, size] = this.weight.dims
    const point = Float64Array.from([...this.weight.data, ...this.bias.data])
    return scoresOf(rowsOf('features', features, size), point, classes)
  }

  accuracy(features: Tensor, labels: ArrayLike<number>, at: readonly number[] = [1]): Accuracy {
    return topKAccuracy(this.scores(features), labels, at)
  }
}

interface Examples {
  readonly rows: Rows
  readonly labels: Int32Array
  /** The largest label. */
  readonly classes: number
}

function examplesOf(features: Tensor, labels: ArrayLike<number>, size?: number): Examples {
  const rows = rowsOf('features', features, size)
  const own = Array.from(labels)
  const odd = own.findIndex((label) => !Number.isInteger(label) || label < 0)
  if (own.length !== rows.count || rows.count === 0 || odd >= 0)
    throw new InputError(
      'bad-label',
      odd >= 0
        ? `Row ${odd} has label ${String(own[odd])}; whole numbers from 0 on are needed.`
        : `${own.length} labels were given for ${rows.count} rows of features; one for each of at least one is needed.`,
    )
  return { rows, labels: Int32Array.from(own), classes: own.reduce((a, b) => Math.max(a, b), 0) }
}

const joined = (a: Examples, b: Examples): Examples => ({
  rows: {
    data: Float32Array.from([...a.rows.data, ...b.rows.data]),
    count: a.rows.count + b.rows.count,
    size: a.rows.size,
  },
  labels: Int32Array.from([...a.labels, ...b.labels]),
  classes: Math.max(a.classes, b.classes),
})

/** `point`: weights row by row, then biases. Scores of one row into `out`. */
function scoreRow(rows: Rows, row: number, point: Float64Array, classes: number, out: Float64Array): void {
  const { data, size } = rows
  const from = row * size
  for (let c = 0; c < classes; c++) {
    const at = c * size
    let sum = point[classes * size + c]!
    for (let d = 0; d < size; d++) sum += data[from + d]! * point[at + d]!
    out[c] = sum
  }
}

function scoresOf(rows: Rows, point: Float64Array, classes: number): Tensor<'float32'> {
  const scores = new Float32Array(rows.count * classes)
  const row = new Float64Array(classes)
  for (let i = 0; i < rows.count; i++) {
    scoreRow(rows, i, point, classes, row)
    scores.set(row, i * classes)
  }
  return tensor(scores, [rows.count, classes])
}

/** The mean cross-entropy, and half the squared weights over C N: scikit-learn's objective divided by C N. */
function lossOf({ rows, labels }: Examples, classes: number, C: number) {
  const { data, count, size } = rows
  // Two classes are one score in scikit-learn: of half the weights each, they have half the penalty.
  const strength = (classes === 2 ? 2 : 1) / (C * count)
  const biases = classes * size
  const row = new Float64Array(classes)
  return (point: Vector, gradient: Vector): number => {
    let squares = 0
    for (let i = 0; i < biases; i++) {
      squares += point[i]! ** 2
      gradient[i] = strength * point[i]!
    }
    gradient.fill(0, biases)
    let loss = 0
    for (let i = 0; i < count; i++) {
      scoreRow(rows, i, point, classes, row)
      const most = row.reduce((a, b) => Math.max(a, b), -Infinity)
      let sum = 0
      for (const score of row) sum += Math.exp(score - most)
      loss += most + Math.log(sum) - row[labels[i]!]!
      for (let c = 0; c < classes; c++) {
        const part = (Math.exp(row[c]! - most) / sum - (c === labels[i] ? 1 : 0)) / count
        const at = c * size
        for (let d = 0; d < size; d++) gradient[at + d]! += part * data[i * size + d]!
        gradient[biases + c]! += part
      }
    }
    return loss / count + (strength * squares) / 2
  }
}
