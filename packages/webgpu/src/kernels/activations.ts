import { type Activation, sizeOf } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { type Describe, ELEMENT, type Kernel, overElements, type Shaped } from './kernel'

/** 1 + erf(x / sqrt 2) and friends, by a rational function with an error of 1.5e-7 (Abramowitz and Stegun 7.1.26). */
const ERF = `
  fn erfOf(v: vec4<f32>) -> vec4<f32> {
    let a = abs(v);
    let t = 1.0 / (1.0 + 0.3275911 * a);
    let p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    return sign(v) * (1.0 - p * exp(-a * a));
  }`

/** By exp: some GPUs' own tanh is 20 times less exact, and overflows. */
const TANH = `
  fn tanhOf(v: vec4<f32>) -> vec4<f32> {
    return sign(v) * (1.0 - 2.0 / (exp(2.0 * min(abs(v), vec4<f32>(15.0))) + 1.0));
  }`
/** log(1 + exp(x)), with log(1 + e) by the series of atanh(e / (2 + e)): a GPU's log is not exact close to 1. */
const SOFTPLUS = `
  fn softplusOf(v: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(v));
    let z = e / (2.0 + e);
    let s = z * z;
    let odd = (((((s / 13.0 + 1.0 / 11.0) * s + 1.0 / 9.0) * s + 1.0 / 7.0) * s + 0.2) * s + 1.0 / 3.0) * s + 1.0;
    return max(v, vec4<f32>(0.0)) + 2.0 * z * odd;
  }`
const sigmoid = (x: string): string => `(1.0 / (1.0 + exp(-clamp(${x}, vec4<f32>(-80.0), vec4<f32>(80.0)))))`

/** Softplus is TensorFlow.js's, and no activation of a tower. */
type Formulated = Activation | 'softplus'

interface Formula {
  readonly before?: string
  /** f(x), of a `vec4<f32>` named x. */
  readonly value: string
  /** f'(x), statements that end in `return`. */
  readonly slope?: string
}

const INNER = '0.7978845608028654 * (x + 0.044715 * x * x * x)'

const GELU = '0.5 * x * (1.0 + erfOf(x * 0.7071067811865476))'
const within = (x: string, low: string, high: string): string => `clamp(${x}, vec4<f32>(${low}), vec4<f32>(${high}))`

const FORMULAS: Readonly<Record<Formulated, Formula>> = {
  linear: { value: 'x' },
  relu: { value: 'max(x, vec4<f32>(0.0))' },
  relu2: { value: 'max(x, vec4<f32>(0.0)) * max(x, vec4<f32>(0.0))' },
  relu6: { value: within('x', '0.0', '6.0') },
  leaky_relu: { value: 'max(x, 0.01 * x)' },
  hardswish: { value: `x * ${within('x + 3.0', '0.0', '6.0')} / 6.0` },
  sigmoid: { value: sigmoid('x') },
  tanh: { before: TANH, value: 'tanhOf(x)' },
  silu: { value: `x * ${sigmoid('x')}` },
  // tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2)
  mish: {
    before: `fn ratioOf(e: vec4<f32>) -> vec4<f32> { return e * (e + 2.0) / (e * (e + 2.0) + 2.0); }`,
    value: 'x * ratioOf(exp(min(x, vec4<f32>(20.0))))',
  },
  softplus: { before: SOFTPLUS, value: 'softplusOf(x)' },
  sqrtsoftplus: { before: SOFTPLUS, value: 'sqrt(softplusOf(x))' },
  laplace: { before: ERF, value: '0.5 * (1.0 + erfOf((x - 0.707107) / 0.39894257483600637))' },
  gelu_10: { before: ERF, value: within(GELU, '-10.0', '10.0') },
  gelu: {
    before: ERF,
    value: GELU,
    slope: 'return 0.5 * (1.0 + erfOf(x * 0.7071067811865476)) + x * 0.3989422804014327 * exp(-0.5 * x * x);',
  },
  gelu_tanh: {
    before: TANH,
    value: `0.5 * x * (1.0 + tanhOf(${INNER}))`,
    slope: `let t = tanhOf(${INNER});
      return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.7978845608028654 * (1.0 + 0.134145 * x * x);`,
  },
  quick_gelu: {
    value: `x * ${sigmoid('1.702 * x')}`,
    slope: `let s = ${sigmoid('1.702 * x')}; return s * (1.0 + 1.702 * x * (1.0 - s));`,
  },
}

/** Whether the kernel has a gradient. */
export const hasSlope = (name: Activation): boolean => FORMULAS[name].slope !== undefined

/** `activate(x: vec4<f32>) -> vec4<f32>` */
export function activationCode(name: Formulated): string {
  const { before = '', value } = FORMULAS[name]
  return `${before} fn activate(x: vec4<f32>) -> vec4<f32> { return ${value}; }`
}

export const ACTIVATION = 'DualEncoderActivation'
export const ACTIVATION_GRAD = 'DualEncoderActivationGrad'

/** Element by element, of tensors of one shape: `at(i)`, four values where their number allows it. */
function elementwise(
  kernel: string,
  name: Formulated,
  tensors: Readonly<Record<string, Shaped>>,
  code: (four: (name: string) => string) => string,
): Kernel {
  const [first] = Object.values(tensors) as [Shaped]
  const size = sizeOf(first.shape)
  const width = size % 4 === 0 ? 4 : 1
  return {
    name: kernel,
    variant: [name, width],
    inputs: Object.entries(tensors).map(([name, { dtype }]) => ({ name, shape: [1, size], dtype, width })),
    result: { shape: first.shape, view: [1, size], width },
    ...overElements(size / width),
    code: `${code((name) => (width === 4 ? `${name}[i]` : `vec4<f32>(${name}[i])`))}
      fn main() {
        let i = ${ELEMENT};
        if (i < uniforms.outShape.y / ${width}) { result[i] = at(i)${width === 4 ? '' : '.x'}; }
      }`,
  }
}

const activated = (kernel: string, name: Formulated, x: Shaped): Kernel =>
  elementwise(
    kernel,
    name,
    { x },
    (four) => `${activationCode(name)} fn at(i: i32) -> vec4<f32> { return activate(${four('x')}); }`,
  )

export const activationKernel: Describe<{ x: Shaped }, { name: Activation }> = ({ x }, { name }) =>
  activated(ACTIVATION, name, x)

/** TensorFlow.js's own is a log close to 1. */
export const softplusKernel: Describe<{ x: Shaped }> = ({ x }) => activated(tf.Softplus, 'softplus', x)

/** dy f'(x) */
export const activationGradKernel: Describe<{ x: Shaped; dy: Shaped }, { name: Activation }> = (
  { x, dy },
  { name },
) => {
  const { before = '', slope } = FORMULAS[name]
  return elementwise(
    ACTIVATION_GRAD,
    name,
    { x, dy },
    (four) => `${before} fn slope(x: vec4<f32>) -> vec4<f32> { ${slope} }
      fn at(i: i32) -> vec4<f32> { return ${four('dy')} * slope(${four('x')}); }`,
  )
}

export const activationGradients: readonly tf.GradConfig[] = [
  {
    kernelName: ACTIVATION,
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attrs) => ({
      x: () =>
        tf
          .engine()
          .runKernel(ACTIVATION_GRAD, { x: x as tf.Tensor, dy: dy as tf.Tensor }, attrs as unknown as tf.NamedAttrMap),
    }),
  },
]
