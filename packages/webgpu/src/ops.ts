import type { Activation, AttentionOptions, Linear, Norm, Param, Projection } from '@dual-encoder/core/backend'
import { type DropoutMasks, type TensorWeights, TfjsOps } from '@dual-encoder/tfjs/engine-api'
import * as tf from '@tensorflow/tfjs-core'
import type { Device } from './device/device'
import { ACTIVATION, hasSlope } from './kernels/activations'
import { type AttentionAttrs, attentionName, isAttention, isHalfAttention } from './kernels/attention'
import { ADD_LAYER_NORM, L2_NORMALIZE, LAYER_NORM } from './kernels/layer-norm'
import { isLinear, LINEAR, type LinearAttrs } from './kernels/linear'
import { PATCHES, type PatchesAttrs } from './kernels/patches'
import { WIDEN } from './kernels/halve'
import { ROWS, type RowsAttrs } from './kernels/rows'
import { GpuWeights } from './weights'

const last = (x: tf.Tensor): number => x.shape[x.rank - 1] ?? 1

function run<A extends object>(kernel: string, inputs: Record<string, tf.Tensor | undefined>, attrs: A) {
  const given = Object.entries(inputs).filter(([, tensor]) => tensor !== undefined)
  return tf.engine().runKernel(kernel, Object.fromEntries(given) as tf.NamedTensorMap, attrs as tf.NamedAttrMap)
}

/** Activations in float16, which are int32, as float32. */
const widened = (x: tf.Tensor): tf.Tensor => (x.dtype === 'int32' ? (run(WIDEN, { x }, {}) as tf.Tensor) : x)

/** As the kernel `ROWS`, of float32 tables. */
function rowsOfPart(ids: tf.Tensor, table: tf.Tensor, start: number, before: tf.Tensor | undefined): tf.Tensor {
  const own = tf.sub(ids, start)
  const within = tf.logicalAnd(tf.greaterEqual(own, 0), tf.less(own, table.shape[0] as number))
  const rows = tf.gather(table, tf.cast(tf.mul(own, tf.cast(within, 'int32')), 'int32') as tf.Tensor2D)
  return tf.where(tf.expandDims(within, -1), rows, before ?? tf.zerosLike(rows))
}

interface LinearWeights {
  readonly matrix: tf.Tensor
  readonly bias?: tf.Tensor
  readonly scale?: tf.Tensor
}

/** Towers on WebGPU: one dispatch for each op that matters, TensorFlow.js's own where a kernel does not fit. */
export class WebGpuOps extends TfjsOps {
  /** Which of the projections that lie side by side in a tensor is meant. */
  readonly #parts = new WeakMap<tf.Tensor, { readonly index: number; readonly width: number }>()
  /** Weights for inference; undefined where they are parameters to be differentiated. */
  readonly #gpu?: GpuWeights
  /** Activations within a branch are float16: query, key and value, their context, what lies between an MLP's layers. */
  readonly #half: boolean

  constructor(
    private readonly device: Device,
    weights: TensorWeights,
    masks?: DropoutMasks,
  ) {
    super(weights, masks)
    if (weights instanceof GpuWeights) this.#gpu = weights
    this.#half = this.#gpu?.half === true && !masks
  }

  /** TensorFlow.js calls integers floats and leaves their bits, which not all of its kernels read as such. */
  override float(x: tf.Tensor): tf.Tensor {
    return tf.mul(super.float(x), 1)
  }

  override linear(x: tf.Tensor, layer: Linear, activation: Activation = 'linear'): tf.Tensor {
    const { scale: _, ...plain } = layer
    const scale = layer.scale && this.weights.value(layer.scale)
    const scaled = (y: tf.Tensor) => (scale ? tf.mul(y, scale) : y)
    const composed = () => scaled(this.activation(super.linear(widened(x), plain), activation))
    if (!this.device.has(LINEAR)) return composed()
    const bias = layer.bias && this.weights.value(layer.bias)
    if (this.#gpu) {
      const columns = this.#gpu.columns(layer)
      if (!columns) return composed()
      // Of an MLP's two layers the first has an activation with a slope of its own, and only the second reads it.
      const half = this.#half && hasSlope(activation)
      return this.#linear(x, { ...columns, bias, scale }, { ...columns, transposed: false, activation, half })
    }
    const { matrix, transposed } = this.weights.matrix(layer.weight)
    const width = matrix.shape[transposed ? 0 : 1]
    if (!isLinear(last(x), { width, offset: 0 })) return composed()
    const attrs = { width, offset: 0, transposed, activation: 'linear', half: false } as const
    return scaled(this.activation(this.#linear(x, { matrix, bias }, attrs), activation))
  }

  #linear(x: tf.Tensor, { matrix, bias, scale }: LinearWeights, attrs: LinearAttrs): tf.Tensor {
    const { width, offset, transposed, activation, half } = attrs
    const rows = tf.reshape(x, [-1, last(x)])
    const y = run(
      LINEAR,
      { x: rows, matrix, bias, scale },
      { width, offset, transposed, activation, half },
    ) as tf.Tensor
    return tf.reshape(y, [...x.shape.slice(0, -1), half ? width / 2 : width])
  }

  override linears(x: tf.Tensor, layers: readonly Projection[]): tf.Tensor[] {
    const packed = layers.length === 3 && this.device.has(LINEAR) ? this.#gpu?.joined(layers) : undefined
    if (!packed) return super.linears(x, layers)
    const { columns, bias } = packed
    const width = columns.width / layers.length
    const attrs = { ...columns, transposed: false, activation: 'linear', half: this.#half } as const
    const all = this.#linear(x, { ...columns, bias }, attrs)
    return layers.map((_, index) => {
      const part = tf.clone(all)
      this.#parts.set(part, { index, width })
      return part
    })
  }

  override attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    options: AttentionOptions<tf.Tensor>,
  ): { context: tf.Tensor; probs?: tf.Tensor } {
    const { heads, scale, keyMask, bias, causal, probs, dropout = 0 } = options
    const hidden = this.#parts.get(q)?.width ?? last(q)
    const kernel = attentionName(keyMask !== undefined, bias !== undefined)
    const dropping = this.masks !== undefined && dropout > 0
    const halves = isHalfAttention(hidden, heads)
    const fits = !causal && (bias === undefined || bias.rank === 3)
    if (!fits || probs || dropping || !isAttention(hidden / heads) || !this.device.has(kernel))
      return super.attention(this.plain(q), this.plain(k), this.plain(v), options)
    const offsets = [q, k, v].map((x) => {
      const part = this.#parts.get(x)
      return part ? part.index * part.width : 0
    }) as [number, number, number]
    const half = halves && this.#half
    const attrs: AttentionAttrs = { heads, hidden, offsets, half, scale: scale ?? 1 / Math.sqrt(hidden / heads) }
    const inputs = halves ? { q, k, v } : { q: widened(q), k: widened(k), v: widened(v) }
    return { context: run(kernel, { ...inputs, mask: keyMask, bias }, attrs) as tf.Tensor }
  }

  /** A projection without those beside it, in float32. */
  protected override plain(x: tf.Tensor): tf.Tensor {
    const part = this.#parts.get(x)
    // Without halves, integers are integers: a tape reshapes ids.
    if (!part) return this.#half ? widened(x) : x
    const [batch = 1, length = 1] = x.shape
    return tf.slice(widened(x), [0, 0, part.index * part.width], [batch, length, part.width])
  }

  override layerNorm(x: tf.Tensor, norm: Norm): tf.Tensor {
    const bias = norm.bias
    if (!bias || !this.device.has(LAYER_NORM)) return super.layerNorm(this.plain(x), norm)
    return run(LAYER_NORM, { x: this.plain(x), ...this.#norm({ ...norm, bias }) }, { eps: norm.eps }) as tf.Tensor
  }
  override addLayerNorm(x: tf.Tensor, residual: tf.Tensor, norm: Norm): { sum: tf.Tensor; normed: tf.Tensor } {
    const bias = norm.bias
    if (!bias || !this.device.has(ADD_LAYER_NORM)) return super.addLayerNorm(x, residual, norm)
    const [normed, sum] = run(
      ADD_LAYER_NORM,
      { x, residual, ...this.#norm({ ...norm, bias }) },
      { eps: norm.eps },
    ) as tf.Tensor[]
    return { sum: sum as tf.Tensor, normed: normed as tf.Tensor }
  }
  #norm({ weight, bias }: Required<Pick<Norm, 'weight' | 'bias'>>): { weight: tf.Tensor; bias: tf.Tensor } {
    return { weight: this.weights.value(weight), bias: this.weights.value(bias) }
  }

  override activation(x: tf.Tensor, name: Activation): tf.Tensor {
    if (name === 'linear') return x
    const knows = this.#gpu !== undefined || hasSlope(name)
    if (!knows || !this.device.has(ACTIVATION)) return super.activation(x, name)
    return run(ACTIVATION, { x }, { name }) as tf.Tensor
  }

  override embedding(ids: tf.Tensor, table: Param): tf.Tensor {
    const shards = this.#gpu?.table(table)
    if (!shards || (shards.length === 1 && shards[0]?.table.dtype === 'float32')) return super.embedding(ids, table)
    let rows: tf.Tensor | undefined
    for (const { table: part, start } of shards) {
      const attrs: RowsAttrs = { start, width: table.shape[1] ?? 1 }
      rows = this.device.has(ROWS)
        ? (run(ROWS, { ids, table: part, before: rows }, attrs) as tf.Tensor)
        : rowsOfPart(ids, part, start, rows)
    }
    return rows as tf.Tensor
  }

  override patchEmbed(pixels: tf.Tensor, layer: Projection): tf.Tensor {
    const [, , height = 1, width = 1] = layer.weight.shape
    if (!this.device.has(PATCHES)) return super.patchEmbed(pixels, layer)
    const attrs: PatchesAttrs = { height, width }
    const embedded = this.linear(run(PATCHES, { pixels }, attrs) as tf.Tensor, layer)
    return tf.reshape(embedded, [pixels.shape[0] ?? 1, -1, last(embedded)])
  }

  override l2Normalize(x: tf.Tensor, eps?: number): tf.Tensor {
    if (eps !== undefined) return super.l2Normalize(x, eps)
    return this.device.has(L2_NORMALIZE) ? (run(L2_NORMALIZE, { x }, {}) as tf.Tensor) : super.l2Normalize(x)
  }
}
