import type { Activation } from '@dual-encoder/core/backend'

/*
 * Activations of the form x·g(x), where the smooth gate g goes from 0 to 1. The gate is read from a table of its
 * values and slopes and interpolated by cubics (Hermite): closer to it than float32 can tell, and without an
 * exponential per element.
 */
const LIMIT = 16
const PER_UNIT = 64
const CELLS = 2 * LIMIT * PER_UNIT

type Slope = (x: number) => number

/** The slope of the logistic function of u(x), symmetric so that nothing overflows. */
const logistic =
  (u: Slope, du: Slope): Slope =>
  (x) => {
    const e = Math.exp(-Math.abs(u(x)))
    return (du(x) * e) / (1 + e) ** 2
  }

const TANH = 2 * Math.sqrt(2 / Math.PI)

/** g' of each; (1 + tanh v) / 2 is the logistic function of 2v. */
const SLOPES = {
  gelu: (x: number) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI),
  gelu_tanh: logistic(
    (x) => TANH * (x + 0.044715 * x ** 3),
    (x) => TANH * (1 + 3 * 0.044715 * x * x),
  ),
  quick_gelu: logistic(
    (x) => 1.702 * x,
    () => 1.702,
  ),
} satisfies Partial<Record<Activation, Slope>>

export type Gated = keyof typeof SLOPES
export const isGated = (name: Activation): name is Gated => name in SLOPES

const tables = new Map<Gated, Float64Array>()

/** Per knot: the gate, and its slope times the width of a cell. */
function tableOf(name: Gated): Float64Array {
  const known = tables.get(name)
  if (known) return known
  const slope = SLOPES[name]
  const table = new Float64Array(2 * (CELLS + 1))
  for (let knot = 0, gate = 0; knot <= CELLS; knot++) {
    const x = knot / PER_UNIT - LIMIT
    // Simpson's rule over the cell before.
    if (knot > 0) gate += (slope(x - 1 / PER_UNIT) + 4 * slope(x - 0.5 / PER_UNIT) + slope(x)) / (6 * PER_UNIT)
    table[2 * knot] = gate
    table[2 * knot + 1] = slope(x) / PER_UNIT
  }
  tables.set(name, table)
  return table
}

/** y = x·g(x) */
export function gated(name: Gated, x: Float32Array, y: Float32Array): void {
  const table = tableOf(name)
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!
    if (value > -LIMIT && value < LIMIT) {
      const position = (value + LIMIT) * PER_UNIT
      const cell = position | 0
      const t = position - cell
      const [p0, m0] = [table[2 * cell]!, table[2 * cell + 1]!]
      const [rise, m1] = [table[2 * cell + 2]! - p0, table[2 * cell + 3]!]
      y[i] = value * (p0 + t * (m0 + t * (3 * rise - 2 * m0 - m1 + t * (m0 + m1 - 2 * rise))))
    } else y[i] = value > 0 ? value : value * 0
  }
}

/** dx = dy·(g(x) + x·g'(x)) */
export function gatedGradient(name: Gated, x: Float32Array, dy: Float32Array, dx: Float32Array): void {
  const table = tableOf(name)
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!
    if (value > -LIMIT && value < LIMIT) {
      const position = (value + LIMIT) * PER_UNIT
      const cell = position | 0
      const t = position - cell
      const [p0, m0] = [table[2 * cell]!, table[2 * cell + 1]!]
      const [rise, m1] = [table[2 * cell + 2]! - p0, table[2 * cell + 3]!]
      const [c2, c3] = [3 * rise - 2 * m0 - m1, m0 + m1 - 2 * rise]
      const gate = p0 + t * (m0 + t * (c2 + t * c3))
      dx[i] = dy[i]! * (gate + value * PER_UNIT * (m0 + t * (2 * c2 + 3 * c3 * t)))
    } else dx[i] = dy[i]! * (value > 0 ? 1 : value * 0)
  }
}
