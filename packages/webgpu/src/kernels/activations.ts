import type { Activation } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend } from '../device/backend'
import { runKernel, spread } from './program'

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
const sigmoid = (x: string): string => `(1.0 / (1.0 + exp(-clamp(${x}, vec4<f32>(-80.0), vec4<f32>(80.0)))))`

interface Formula {
  readonly before?: string
  /** f(x), of a `vec4<f32>` named x. */
  readonly value: string
  /** f'(x), statements that end in `return`. */
  readonly slope?: string
}

const INNER = '0.7978845608028654 * (x + 0.044715 * x * x * x)'

const FORMULAS: Readonly<Partial<Record<Activation, Formula>>> = {
  linear: { value: 'x' },
  relu: { value: 'max(x, vec4<f32>(0.0))' },
  sigmoid: { value: sigmoid('x') },
  tanh: { before: TANH, value: 'tanhOf(x)' },
  silu: { value: `x * ${sigmoid('x')}` },
  gelu: {
    before: ERF,
    value: '0.5 * x * (1.0 + erfOf(x * 0.7071067811865476))',
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

/** Activations that a kernel may compute behind its own work. */
export const isFused = (name: Activation): boolean => name in FORMULAS
/** Those with kernels of their own both ways. */
export const hasSlope = (name: Activation): boolean => FORMULAS[name]?.slope !== undefined

/** `activate(x: vec4<f32>) -> vec4<f32>` */
export function activationCode(name: Activation): string {
  const { before = '', value = 'x' } = FORMULAS[name] ?? {}
  return `${before} fn activate(x: vec4<f32>) -> vec4<f32> { return ${value}; }`
}

export const ACTIVATION = 'DualEncoderActivation'
const ACTIVATION_GRAD = 'DualEncoderActivationGrad'

const elementwise = (
  backend: DeviceBackend,
  kernel: string,
  name: Activation,
  tensors: Record<string, tf.TensorInfo>,
  code: string,
): tf.TensorInfo => {
  const [first] = Object.values(tensors) as [tf.TensorInfo]
  const count = tf.util.sizeFromShape(first.shape) / 4
  const result = runKernel(backend, {
    kernel,
    variant: [name],
    inputs: Object.entries(tensors).map(([name, tensor]) => ({ name, tensor, shape: [1, 4 * count], width: 4 })),
    shape: [1, 4 * count],
    width: 4,
    workgroup: [64, 1],
    groups: spread(Math.ceil(count / 64)),
    code: `${code}
      fn main() {
        let i = i32((workgroupId.y * numWorkgroups.x + workgroupId.x) * 64u + localId.x);
        if (i < uniforms.outShape.y / 4) { result[i] = at(i); }
      }`,
  })
  return { ...result, shape: first.shape }
}

export const activationKernels: Readonly<Record<string, (backend: DeviceBackend) => tf.KernelFunc>> = {
  [ACTIVATION]:
    (backend) =>
    ({ inputs, attrs }) => {
      const { name } = attrs as unknown as { name: Activation }
      const code = `${activationCode(name)} fn at(i: i32) -> vec4<f32> { return activate(x[i]); }`
      return elementwise(backend, ACTIVATION, name, { x: inputs.x as tf.TensorInfo }, code)
    },
  [ACTIVATION_GRAD]:
    (backend) =>
    ({ inputs, attrs }) => {
      const { name } = attrs as unknown as { name: Activation }
      const { before = '', slope } = FORMULAS[name] as Formula
      const code = `${before} fn slope(x: vec4<f32>) -> vec4<f32> { ${slope} }
        fn at(i: i32) -> vec4<f32> { return dy[i] * slope(x[i]); }`
      const tensors = { x: inputs.x as tf.TensorInfo, dy: inputs.dy as tf.TensorInfo }
      return elementwise(backend, ACTIVATION_GRAD, name, tensors, code)
    },
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
