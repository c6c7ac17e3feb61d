import type { Activation } from '../activations'
import type { Primitives } from '../ops'

type Slope = <T>(ops: Primitives<T>, x: T) => T

/** What x is multiplied by, and the slope of the product. */
interface Gate<T> {
  readonly share: T
  readonly slope: T
}
type GateOf = <T>(ops: Primitives<T>, x: T) => Gate<T>

/** `a x + b` */
const affine = <T>(ops: Primitives<T>, x: T, a: number, b: number): T =>
  ops.add(ops.mul(x, ops.scalar(a)), ops.scalar(b))
const square = <T>(ops: Primitives<T>, x: T): T => ops.mul(x, x)
/** 1 - x² */
const below1 = <T>(ops: Primitives<T>, x: T): T => ops.sub(ops.scalar(1), square(ops, x))
/** exp(-x² / 2) */
const bell = <T>(ops: Primitives<T>, x: T): T => ops.exp(ops.mul(square(ops, x), ops.scalar(-0.5)))
/** 1 where x > limit. */
const above = <T>(ops: Primitives<T>, x: T, limit: number): T =>
  ops.sub(ops.scalar(1), ops.greaterEqual(ops.scalar(limit), x))
/** s = sigmoid(factor x); s (1 + factor x (1 - s)) */
const swish =
  (factor: number): GateOf =>
  (ops, x) => {
    const scaled = factor === 1 ? x : ops.mul(x, ops.scalar(factor))
    const share = ops.activation(scaled, 'sigmoid')
    return { share, slope: ops.mul(share, affine(ops, ops.mul(scaled, ops.sub(ops.scalar(1), share)), 1, 1)) }
  }

/** The normal distribution's share below x; that, and x times the density: of x = u √2, (erf(u) + 1) / 2 + u exp(-u²) / √π. */
const gelu: GateOf = (ops, x) => {
  const u = ops.mul(x, ops.scalar(Math.SQRT1_2))
  const share = affine(ops, ops.erf(u), 0.5, 0.5)
  const density = ops.exp(ops.sub(ops.scalar(-Math.log(Math.PI) / 2), square(ops, u)))
  return { share, slope: ops.add(share, ops.mul(u, density)) }
}

const geluTanh: Slope = (ops, x) => {
  const c = Math.sqrt(2 / Math.PI)
  const x2 = square(ops, x)
  const t = ops.activation(ops.mul(x, affine(ops, x2, c * 0.044715, c)), 'tanh')
  const inner = ops.mul(ops.mul(x, below1(ops, t)), affine(ops, x2, 1.5 * c * 0.044715, 0.5 * c))
  return ops.add(affine(ops, t, 0.5, 0.5), inner)
}

/** log(1 + exp(x)), safe for large values. */
export function softplus<T>(ops: Primitives<T>, x: T): T {
  const size = ops.maximum(x, ops.mul(x, ops.scalar(-1)))
  const rest = ops.log(affine(ops, ops.exp(ops.mul(size, ops.scalar(-1))), 1, 1))
  return ops.add(ops.maximum(x, ops.scalar(0)), rest)
}

/** Activations that are x times a share of it, most of whose slope is that share. */
export const GATES: Readonly<Partial<Record<Activation, GateOf>>> = {
  gelu,
  quick_gelu: swish(1.702),
  silu: swish(1),
}
const slopeOf =
  (gate: GateOf): Slope =>
  (ops, x) =>
    gate(ops, x).slope

/** The derivative of each activation at x; where it has none, PyTorch's. */
export const SLOPES: Readonly<Record<Activation, Slope>> = {
  gelu: slopeOf(gelu),
  gelu_tanh: geluTanh,
  gelu_10: (ops, x) => ops.mul(gelu(ops, x).slope, ops.greaterEqual(ops.scalar(10), ops.activation(x, 'gelu'))),
  quick_gelu: slopeOf(swish(1.702)),
  hardswish: (ops, x) => {
    const upper = above(ops, x, 3)
    const inside = ops.sub(above(ops, x, -3), upper)
    return ops.add(upper, ops.mul(inside, affine(ops, x, 1 / 3, 0.5)))
  },
  laplace: (ops, x) => {
    const away = affine(ops, x, 1 / 0.282095, -0.707107 / 0.282095)
    return ops.mul(bell(ops, away), ops.scalar(1 / (0.282095 * Math.sqrt(2 * Math.PI))))
  },
  relu: (ops, x) => above(ops, x, 0),
  relu2: (ops, x) => ops.mul(ops.activation(x, 'relu'), ops.scalar(2)),
  relu6: (ops, x) => ops.mul(above(ops, x, 0), ops.sub(ops.scalar(1), ops.greaterEqual(x, ops.scalar(6)))),
  leaky_relu: (ops, x) => affine(ops, above(ops, x, 0), 0.99, 0.01),
  silu: slopeOf(swish(1)),
  mish: (ops, x) => {
    const t = ops.activation(softplus(ops, x), 'tanh')
    return ops.add(t, ops.mul(ops.mul(x, below1(ops, t)), ops.activation(x, 'sigmoid')))
  },
  sigmoid: (ops, x) => {
    const s = ops.activation(x, 'sigmoid')
    return ops.mul(s, ops.sub(ops.scalar(1), s))
  },
  sqrtsoftplus: (ops, x) =>
    ops.div(ops.activation(x, 'sigmoid'), ops.mul(ops.activation(x, 'sqrtsoftplus'), ops.scalar(2))),
  tanh: (ops, x) => below1(ops, ops.activation(x, 'tanh')),
  linear: (ops, x) => ops.expand(ops.scalar(1), ops.dims(x) as number[]),
}
