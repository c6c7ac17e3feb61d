import * as tf from '@tensorflow/tfjs-core'
import { sizeOf } from '@dual-encoder/core/backend'
import {
  type Describe,
  floats,
  GROUP,
  inputsOf,
  type Kernel,
  lanesOf,
  type Shaped,
  spread,
  sumOverWorkgroup,
} from './kernel'

export const LAYER_NORM = 'DualEncoderLayerNorm'
export const ADD_LAYER_NORM = 'DualEncoderAddLayerNorm'
export const L2_NORMALIZE = 'DualEncoderL2Normalize'

/** Invocations of the workgroup of a long row. */
const MOST_LANES = 64

interface Rows {
  readonly name: string
  readonly tensors: Readonly<Record<string, Shaped>>
  readonly shape: readonly number[]
  readonly others?: Kernel['others']
  readonly eps: number
  /** Statements of `LANES` invocations for a row of `D` values from `base` on, `live` where it is to be written. */
  readonly row: string
}

/** One workgroup for each row. */
function overRows({ name, tensors, shape, others, eps, row }: Rows): Kernel {
  const width = shape[shape.length - 1] ?? 1
  const rows = sizeOf(shape) / width
  const lanes = lanesOf(width, MOST_LANES)
  return {
    name,
    variant: [lanes],
    inputs: inputsOf(tensors).map((input) => ({ ...input, shape: input.shape.length > 1 ? [rows, width] : [width] })),
    result: { shape, view: [rows, width] },
    others,
    workgroup: [lanes, 1],
    groups: spread(rows),
    uniforms: floats({ eps }),
    code: `${sumOverWorkgroup(lanes)}
      const LANES = ${lanes};
      fn main() {
        let D = uniforms.outShape.y;
        let group = ${GROUP};
        // Barriers must be reached by all: a workgroup too many repeats the last row and writes nothing.
        let live = group < uniforms.outShape.x;
        let base = min(group, uniforms.outShape.x - 1) * D;
        let lane = i32(localId.x);
        ${row}
      }`,
  }
}

const normalized = (value: string, store = ''): string => `
  var total = 0.0;
  for (var i = lane; i < D; i += LANES) { let v = ${value}; ${store} total += v; }
  let mean = sumOf(total) / f32(D);
  var squares = 0.0;
  for (var i = lane; i < D; i += LANES) { let v = ${value} - mean; squares += v * v; }
  let scale = 1.0 / sqrt(sumOf(squares) / f32(D) + uniforms.eps);
  for (var i = lane; i < D; i += LANES) {
    if (live) { result[base + i] = (${value} - mean) * scale * weight[i] + bias[i]; }
  }`

interface NormTensors {
  readonly x: Shaped
  readonly weight: Shaped
  readonly bias: Shaped
}
interface NormAttrs {
  readonly eps: number
}

export const layerNormKernel: Describe<NormTensors, NormAttrs> = ({ x, weight, bias }, { eps }) =>
  overRows({ name: LAYER_NORM, tensors: { x, weight, bias }, shape: x.shape, eps, row: normalized('x[base + i]') })

/** [layerNorm(x + residual), x + residual] */
export const addLayerNormKernel: Describe<NormTensors & { residual: Shaped }, NormAttrs> = (
  { x, residual, weight, bias },
  { eps },
) =>
  overRows({
    name: ADD_LAYER_NORM,
    tensors: { x, residual, weight, bias },
    shape: x.shape,
    others: [{ name: 'sum', shape: x.shape }],
    eps,
    row: normalized('x[base + i] + residual[base + i]', 'if (live) { sum[base + i] = v; }'),
  })

export const l2NormalizeKernel: Describe<{ x: Shaped }> = ({ x }) =>
  overRows({
    name: L2_NORMALIZE,
    tensors: { x },
    shape: x.shape,
    eps: 0,
    row: `
      var squares = uniforms.eps;
      for (var i = lane; i < D; i += LANES) { squares += x[base + i] * x[base + i]; }
      let norm = sqrt(sumOf(squares));
      for (var i = lane; i < D; i += LANES) { if (live) { result[base + i] = x[base + i] / norm; } }`,
  })

const leading = (x: tf.Tensor): number[] => Array.from({ length: x.rank - 1 }, (_, axis) => axis)

/** Of layerNorm(x) with respect to x, weight and bias. */
function gradientsOf(dy: tf.Tensor, x: tf.Tensor, weight: tf.Tensor, eps: number) {
  const centred = tf.sub(x, tf.mean(x, -1, true))
  const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps))
  const unit = tf.mul(centred, scale)
  return {
    x: () => {
      const d = tf.mul(dy, weight)
      const along = tf.mul(unit, tf.mean(tf.mul(d, unit), -1, true))
      return tf.mul(scale, tf.sub(tf.sub(d, tf.mean(d, -1, true)), along))
    },
    weight: () => tf.sum(tf.mul(dy, unit), leading(dy)),
    bias: () => tf.sum(dy, leading(dy)),
  }
}

export const normGradients: readonly tf.GradConfig[] = [
  {
    kernelName: LAYER_NORM,
    inputsToSave: ['x', 'weight'],
    gradFunc: (dy, saved, attrs) => {
      const [x, weight] = saved as [tf.Tensor, tf.Tensor]
      return gradientsOf(dy as tf.Tensor, x, weight, (attrs as unknown as { eps: number }).eps)
    },
  },
  {
    kernelName: ADD_LAYER_NORM,
    inputsToSave: ['weight'],
    outputsToSave: [false, true],
    gradFunc: (dys, saved, attrs) => {
      const [weight, sum] = saved as [tf.Tensor, tf.Tensor]
      const [dNormed, dSum] = dys as unknown as [tf.Tensor, tf.Tensor]
      const { x, ...rest } = gradientsOf(dNormed, sum, weight, (attrs as unknown as { eps: number }).eps)
      const both = () => tf.add(x(), dSum)
      return { x: both, residual: both, ...rest }
    },
  },
  {
    kernelName: L2_NORMALIZE,
    inputsToSave: ['x'],
    outputsToSave: [true],
    gradFunc: (dy, saved) => {
      const [x, y] = saved as [tf.Tensor, tf.Tensor]
      const norm = tf.sqrt(tf.sum(tf.square(x), -1, true))
      const along = tf.mul(y, tf.sum(tf.mul(dy as tf.Tensor, y), -1, true))
      return { x: () => tf.div(tf.sub(dy as tf.Tensor, along), norm) }
    },
  },
]
