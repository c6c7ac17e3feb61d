import * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend } from '../device/backend'
import { asResult, fourOf, type Input, runKernel } from './program'

const ATTENTION = 'DualEncoderAttention'
/** Gradients save their inputs by name, so each set of inputs is a kernel of its own. */
export const attentionName = (mask: boolean, bias: boolean): string =>
  `${ATTENTION}${mask ? 'Masked' : ''}${bias ? 'Biased' : ''}`
const FORMS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const

/** Queries of a workgroup, and keys and values that it holds at once. */
const QUERIES = 32
const KEYS = 16
/** What transformers adds to the scores of padding: the lowest float32. */
const LOWEST = '-3.4028234663852886e38'

export interface AttentionAttrs {
  readonly heads: number
  readonly scale: number
  /** Hidden size. */
  readonly hidden: number
  /** Where q, k and v begin in a row of their tensors, which may hold several of them side by side. */
  readonly offsets: readonly [number, number, number]
  /** The result in float16, two in each int32. */
  readonly half: boolean
}

/** Whether heads begin and end at fours of values. */
const isWhole = (headSize: number, sizes: readonly number[]): boolean =>
  [headSize, ...sizes].every((size) => size % 4 === 0)
/** Whether the kernel takes such heads in float16. */
export const isHalfAttention = (hidden: number, heads: number): boolean => isWhole(hidden / heads, [hidden])

/** Whether the kernel holds such a head in registers. */
export const isAttention = (headSize: number): boolean => headSize <= 128

/** `nameAt(row, part)`: four values from value `4 part` of a head on; zeros behind its end. */
function reader(name: string, whole: boolean, half: boolean, headSize: number): string {
  if (whole)
    return `${fourOf(`${name}Four`, name, half)}
      fn ${name}At(row: i32, part: i32) -> vec4<f32> { return ${name}Four(${name}Start(row) + part); }`
  const value = (i: number) => `select(0.0, ${name}[at + ${i}], 4 * part + ${i} < ${headSize})`
  return `fn ${name}At(row: i32, part: i32) -> vec4<f32> {
    let at = ${name}Start(row) + 4 * part;
    return vec4<f32>(${[0, 1, 2, 3].map(value).join(', ')});
  }`
}

/**
 * softmax(scale q kᵀ + bias, padding masked) v by an online softmax (Dao et al., FlashAttention): each invocation has
 * a query, a workgroup shares blocks of keys and values, and the scores are never written.
 * q `[B, Lq, *]`, k and v `[B, Lk, *]`, mask `[B, Lk]` int32, bias `[heads, Lq, Lk]` -> `[B, Lq, hidden]`
 */
const attentionKernel =
  (backend: DeviceBackend): tf.KernelFunc =>
  ({ inputs, attrs }) => {
    const { q, k, v, mask, bias } = inputs as unknown as Record<'q' | 'k' | 'v', tf.TensorInfo> &
      Partial<Record<'mask' | 'bias', tf.TensorInfo>>
    const { heads, scale, hidden, offsets, half } = attrs as unknown as AttentionAttrs
    const headSize = hidden / heads
    const parts = Math.ceil(headSize / 4)
    const [batch = 1, length = 1] = q.shape
    const halves = [q, k, v].map(({ dtype }) => dtype === 'int32')
    const widths = [q, k, v].map(({ shape }, i) => (shape[2] ?? 1) * (halves[i] ? 2 : 1))
    const whole = isWhole(headSize, [...widths, ...offsets])
    const unit = whole ? (4 as const) : (1 as const)
    const tensors: Input[] = [
      ...Object.entries({ q, k, v }).map(([name, tensor], i) => ({
        name,
        tensor,
        width: halves[i] ? (2 as const) : unit,
      })),
      ...(mask ? [{ name: 'mask', tensor: mask }] : []),
      ...(bias ? [{ name: 'bias', tensor: bias }] : []),
    ]
    const starts = ['q', 'k', 'v'].map(
      (name, i) => `fn ${name}Start(row: i32) -> i32 {
        return row * uniforms.${name}Width + uniforms.${name}Offset + i32(workgroupId.y) * ${headSize / unit};
      } ${reader(name, whole, halves[i] === true, headSize)}`,
    )
    const store = whole
      ? `result[out + part] = ${asResult('sum[part] / total', half)};`
      : [0, 1, 2, 3]
          .map((i) => `if (4 * part + ${i} < ${headSize}) { result[out + 4 * part + ${i}] = sum[part][${i}] / total; }`)
          .join('\n')
    return runKernel(backend, {
      kernel: attentionName(mask !== undefined, bias !== undefined),
      variant: [headSize, whole, half],
      dtype: half ? 'int32' : 'float32',
      inputs: tensors,
      shape: [batch, length, half ? hidden / 2 : hidden],
      width: half ? 2 : unit,
      workgroup: [QUERIES, 1],
      groups: [Math.ceil(length / QUERIES), heads, batch],
      uniforms: [
        { declare: 'scale: f32', value: scale },
        { declare: 'keys: i32', value: k.shape[1] ?? 1 },
        { declare: 'across: i32', value: hidden / unit },
        ...['q', 'k', 'v'].flatMap((name, i) => [
          { declare: `${name}Width: i32`, value: (widths[i] as number) / unit },
          { declare: `${name}Offset: i32`, value: (offsets[i] as number) / unit },
        ]),
      ],
      code: `
        var<workgroup> keyBlock: array<vec4<f32>, ${KEYS * parts}>;
        var<workgroup> valueBlock: array<vec4<f32>, ${KEYS * parts}>;
        ${starts.join('\n')}
        fn main() {
          let queries = uniforms.outShape.y;
          let batch = i32(workgroupId.z);
          let head = i32(workgroupId.y);
          let lane = i32(localId.x);
          let own = i32(workgroupId.x) * ${QUERIES} + lane;
          let query = min(own, queries - 1);
          var q4: array<vec4<f32>, ${parts}>;
          var sum: array<vec4<f32>, ${parts}>;
          for (var part = 0; part < ${parts}; part++) {
            q4[part] = qAt(batch * queries + query, part) * uniforms.scale;
            sum[part] = vec4<f32>(0.0);
          }
          var highest = ${LOWEST};
          var total = 0.0;
          for (var first = 0; first < uniforms.keys; first += ${KEYS}) {
            let count = min(${KEYS}, uniforms.keys - first);
            workgroupBarrier();
            for (var i = lane; i < count * ${parts}; i += ${QUERIES}) {
              let row = batch * uniforms.keys + first + i / ${parts};
              keyBlock[i] = kAt(row, i % ${parts});
              valueBlock[i] = vAt(row, i % ${parts});
            }
            workgroupBarrier();
            var scores: array<f32, ${KEYS}>;
            var top = highest;
            for (var j = 0; j < count; j++) {
              var score = 0.0;
              for (var part = 0; part < ${parts}; part++) { score += dot(q4[part], keyBlock[j * ${parts} + part]); }
              ${bias ? 'score += bias[(head * queries + query) * uniforms.keys + first + j];' : ''}
              ${mask ? `if (mask[batch * uniforms.keys + first + j] == 0) { score = ${LOWEST}; }` : ''}
              scores[j] = score;
              top = max(top, score);
            }
            let shrink = exp(highest - top);
            highest = top;
            total *= shrink;
            for (var part = 0; part < ${parts}; part++) { sum[part] *= shrink; }
            for (var j = 0; j < count; j++) {
              let p = exp(scores[j] - top);
              total += p;
              for (var part = 0; part < ${parts}; part++) { sum[part] += p * valueBlock[j * ${parts} + part]; }
            }
          }
          if (own < queries) {
            let out = (batch * queries + own) * uniforms.across + head * ${headSize / unit};
            for (var part = 0; part < ${parts}; part++) { ${store} }
          }
        }`,
    })
  }

/** The scores again, then softmax's derivative. q, k and v each in a tensor of their own. */
const attentionGradient = (masked: boolean, biased: boolean): tf.GradConfig => ({
  kernelName: attentionName(masked, biased),
  inputsToSave: ['q', 'k', 'v', ...(masked ? ['mask'] : []), ...(biased ? ['bias'] : [])],
  gradFunc: (dy, saved, attrs) => {
    const [q, k, v, ...rest] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]]
    const mask = masked ? rest.shift() : undefined
    const [bias] = rest
    const { heads, scale, hidden } = attrs as unknown as AttentionAttrs
    const size = hidden / heads
    const split = (x: tf.Tensor): tf.Tensor4D =>
      tf.transpose(tf.reshape(x, [x.shape[0]!, x.shape[1]!, heads, size]), [0, 2, 1, 3])
    const joined = (x: tf.Tensor4D, like: tf.Tensor): tf.Tensor => tf.reshape(tf.transpose(x, [0, 2, 1, 3]), like.shape)
    const [q4, k4, v4, d4] = [split(q), split(k), split(v), split(dy as tf.Tensor)]
    let scores: tf.Tensor = tf.mul(tf.matMul(q4, k4, false, true), scale)
    if (bias) scores = tf.add(scores, bias)
    if (mask) {
      const padding = tf.reshape(tf.sub(1, tf.cast(mask, 'float32')), [mask.shape[0]!, 1, 1, mask.shape[1]!])
      scores = tf.add(scores, tf.mul(padding, Number(LOWEST)))
    }
    const probs = tf.softmax(scores) as tf.Tensor4D
    const dProbs = tf.matMul(d4, v4, false, true)
    const weighted = tf.mul(dProbs, probs)
    const dScores = tf.sub(weighted, tf.mul(probs, tf.sum(weighted, -1, true))) as tf.Tensor4D
    return {
      q: () => joined(tf.mul(tf.matMul(dScores, k4), scale), q),
      k: () => joined(tf.mul(tf.matMul(dScores, q4, true), scale), k),
      v: () => joined(tf.matMul(probs, d4, true), v),
      bias: () => tf.sum(dScores, 0),
    }
  },
})

export const attentionKernels = Object.fromEntries(
  FORMS.map(([mask, bias]) => [attentionName(mask, bias), attentionKernel]),
)
export const attentionGradients = FORMS.map(([mask, bias]) => attentionGradient(mask, bias))
