import * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend } from '../device/backend'
import { GROUP, type Input, runKernel, spread, sumOverWorkgroup } from './program'

export const LAYER_NORM = 'DualEncoderLayerNorm'
export const ADD_LAYER_NORM = 'DualEncoderAddLayerNorm'
export const L2_NORMALIZE = 'DualEncoderL2Normalize'

const LANES = 64

interface Rows {
  readonly kernel: string
  readonly inputs: readonly Input[]
  readonly shape: number[]
  readonly eps: number
  /** Statements for one row that starts at `base` and has `D` values, `live` where the row is to be written. */
  readonly row: string
  readonly before?: string
}

/** One workgroup for each row. */
function overRows(backend: DeviceBackend, { kernel, inputs, shape, eps, row, before = '' }: Rows): tf.TensorInfo {
  const width = shape[shape.length - 1] ?? 1
  const rows = tf.util.sizeFromShape(shape) / width
  const result = runKernel(backend, {
    kernel,
    variant: [],
    inputs: inputs.map((input) => ({ ...input, shape: input.tensor.shape.length > 1 ? [rows, width] : [width] })),
    shape: [rows, width],
    workgroup: [LANES, 1],
    groups: spread(rows),
    uniforms: [{ declare: 'eps: f32', value: eps }],
    code: `${before} ${sumOverWorkgroup(LANES)}
      fn main() {
        let D = uniforms.outShape.y;
        let group = ${GROUP};
        // Barriers must be reached by all: a workgroup too many repeats the last row and writes nothing.
        let live = group < uniforms.outShape.x;
        let base = min(group, uniforms.outShape.x - 1) * D;
        let lane = i32(localId.x);
        ${row}
      }`,
  })
  return { ...result, shape }
}

const normalized = (value: string, store = ''): string => `
  var total = 0.0;
  for (var i = lane; i < D; i += ${LANES}) { let v = ${value}; ${store} total += v; }
  let mean = sumOf(total) / f32(D);
  var squares = 0.0;
  for (var i = lane; i < D; i += ${LANES}) { let v = ${value} - mean; squares += v * v; }
  let scale = 1.0 / sqrt(sumOf(squares) / f32(D) + uniforms.eps);
  for (var i = lane; i < D; i += ${LANES}) {
    if (live) { result[base + i] = (${value} - mean) * scale * weight[i] + bias[i]; }
  }`

type Named = Record<string, tf.TensorInfo>
const named = (tensors: Named): Input[] => Object.entries(tensors).map(([name, tensor]) => ({ name, tensor }))

export const normKernels: Readonly<Record<string, (backend: DeviceBackend) => tf.KernelFunc>> = {
  [LAYER_NORM]:
    (backend) =>
    ({ inputs, attrs }) => {
      const { x, weight, bias } = inputs as unknown as { x: tf.TensorInfo; weight: tf.TensorInfo; bias: tf.TensorInfo }
      const { eps } = attrs as unknown as { eps: number }
      const row = normalized('x[base + i]')
      return overRows(backend, { kernel: LAYER_NORM, inputs: named({ x, weight, bias }), shape: x.shape, eps, row })
    },
  [ADD_LAYER_NORM]:
    (backend) =>
    ({ inputs, attrs }) => {
      const { x, residual, weight, bias } = inputs as unknown as Record<
        'x' | 'residual' | 'weight' | 'bias',
        tf.TensorInfo
      >
      const sum = backend.makeTensorInfo(x.shape, 'float32')
      const normed = overRows(backend, {
        kernel: ADD_LAYER_NORM,
        // `sum` is declared as an input, and its binding once more, to be written.
        inputs: named({ x, residual, weight, bias, sum }),
        before: '@group(0) @binding(5) var<storage, read_write> written: array<f32>;',
        shape: x.shape,
        eps: (attrs as unknown as { eps: number }).eps,
        row: normalized('x[base + i] + residual[base + i]', 'if (live) { written[base + i] = v; }'),
      })
      return [normed, sum]
    },
  [L2_NORMALIZE]:
    (backend) =>
    ({ inputs }) => {
      const x = inputs.x as tf.TensorInfo
      return overRows(backend, {
        kernel: L2_NORMALIZE,
        inputs: named({ x }),
        shape: x.shape,
        eps: 0,
        row: `
          var squares = uniforms.eps;
          for (var i = lane; i < D; i += ${LANES}) { squares += x[base + i] * x[base + i]; }
          let norm = sqrt(sumOf(squares));
          for (var i = lane; i < D; i += ${LANES}) { if (live) { result[base + i] = x[base + i] / norm; } }`,
      })
    },
}

const leading = (x: tf.Tensor): number[] => Array.from({ length: x.rank - 1 }, (_, axis) => axis)

/** Of layerNorm(x) with respect to x, weight and bias. */
function normGradients(dy: tf.Tensor, x: tf.Tensor, weight: tf.Tensor, eps: number) {
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

export const normGradientConfigs: readonly tf.GradConfig[] = [
  {
    kernelName: LAYER_NORM,
    inputsToSave: ['x', 'weight'],
    gradFunc: (dy, saved, attrs) => {
      const [x, weight] = saved as [tf.Tensor, tf.Tensor]
      return normGradients(dy as tf.Tensor, x, weight, (attrs as unknown as { eps: number }).eps)
    },
  },
  {
    kernelName: ADD_LAYER_NORM,
    inputsToSave: ['weight'],
    outputsToSave: [false, true],
    gradFunc: (dys, saved, attrs) => {
      const [weight, sum] = saved as [tf.Tensor, tf.Tensor]
      const [dNormed, dSum] = dys as unknown as [tf.Tensor, tf.Tensor]
      const { x, ...rest } = normGradients(dNormed, sum, weight, (attrs as unknown as { eps: number }).eps)
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
