import type { Activation } from '../activations'

/** The error function to float64's precision: its series near 0, the continued fraction of its complement further out. */
export function erf(x: number): number {
  const size = Math.abs(x)
  if (size > 6) return Math.sign(x)
  const square = x * x
  if (size < 2.5) {
    let [term, sum] = [x, x]
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (2 * square) / (2 * n + 1)
      sum += term
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-square) * sum
  }
  let fraction = 0
  for (let n = 80; n > 0; n--) fraction = n / 2 / (size + fraction)
  return Math.sign(x) * (1 - Math.exp(-square) / Math.sqrt(Math.PI) / (size + fraction))
}

const clip = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high)
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const gelu = (x: number): number => 0.5 * x * (1 + erf(x * Math.SQRT1_2))

export const ACTIVATIONS: Readonly<Record<Activation, (x: number) => number>> = {
  gelu,
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  gelu_10: (x) => clip(gelu(x), -10, 10),
  quick_gelu: (x) => x * sigmoid(1.702 * x),
  hardswish: (x) => (x * clip(x + 3, 0, 6)) / 6,
  laplace: (x) => 0.5 * (1 + erf((x - 0.707107) / (0.282095 * Math.SQRT2))),
  relu: (x) => Math.max(x, 0),
  relu2: (x) => Math.max(x, 0) ** 2,
  relu6: (x) => clip(x, 0, 6),
  leaky_relu: (x) => (x > 0 ? x : 0.01 * x),
  silu: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  sigmoid,
  sqrtsoftplus: (x) => Math.sqrt(softplus(x)),
  tanh: Math.tanh,
  linear: (x) => x,
}
