import * as tf from '@tensorflow/tfjs-core'
import { asResult, type Describe, floats, fourOf, inputsOf, integers, type Shaped, type Width } from './kernel'

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
export const ATTENTIONS = FORMS.map(([mask, bias]) => attentionName(mask, bias))

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

interface AttentionTensors {
  readonly q: Shaped
  readonly k: Shaped
  readonly v: Shaped
  readonly mask?: Shaped
  readonly bias?: Shaped
}

/**
 * softmax(scale q kᵀ + bias, padding masked) v by an online softmax (Dao et al., FlashAttention): each invocation has
 * a query, a workgroup shares blocks of keys and values, and the scores are never written.
 * q `[B, Lq, *]`, k and v `[B, Lk, *]`, mask `[B, Lk]` int32, bias `[heads, Lq, Lk]` -> `[B, Lq, hidden]`
 */
export const attentionKernel: Describe<AttentionTensors, AttentionAttrs> = ({ q, k, v, mask, bias }, attrs) => {
  const { heads, scale, hidden, offsets, half } = attrs
  const headSize = hidden / heads
  const parts = Math.ceil(headSize / 4)
  const [batch = 1, length = 1] = q.shape
  const halves = [q, k, v].map(({ dtype }) => dtype === 'int32')
  const widths = [q, k, v].map(({ shape }, i) => (shape[2] ?? 1) * (halves[i] ? 2 : 1))
  const whole = isWhole(headSize, [...widths, ...offsets])
  const unit: Width = whole ? 4 : 1
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
  return {
    name: attentionName(mask !== undefined, bias !== undefined),
    variant: [headSize, whole, half],
    inputs: [
      ...inputsOf({ q, k, v }).map((input, i) => ({ ...input, width: halves[i] ? (2 as const) : unit })),
      ...inputsOf({ mask, bias }),
    ],
    result: half
      ? { shape: [batch, length, hidden / 2], dtype: 'int32', width: 2 }
      : { shape: [batch, length, hidden], dtype: 'float32', width: unit },
    workgroup: [QUERIES, 1],
    groups: [Math.ceil(length / QUERIES), heads, batch],
    uniforms: [
      ...floats({ scale }),
      ...integers({ keys: k.shape[1] ?? 1, across: hidden / unit }),
      ...['q', 'k', 'v'].flatMap((name, i) =>
        integers({
          [`${name}Width`]: (widths[i] as number) / unit,
          [`${name}Offset`]: (offsets[i] as number) / unit,
        }),
      ),
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
  }
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

export const attentionGradients = FORMS.map(([mask, bias]) => attentionGradient(mask, bias))
