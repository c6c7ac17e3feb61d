import { tensor } from '../base/tensor'
import type { Activation } from './activations'
import type {
  AttentionOptions,
  ConvolutionOptions,
  Dim,
  Linear,
  Norm,
  Ops,
  Param,
  PoolOptions,
  Projection,
} from './ops'

/** Added to the scores of padding, it swallows them. transformers adds the lowest float32, which overflows when added twice. */
const MASKED = -1e30

/** Every op of a tower written in primitives, for numbers as sizes: what is slow and obvious, and what a tape differentiates. */
export abstract class ComposedOps<T> implements Ops<T> {
  abstract dims(x: T): readonly Dim[]
  abstract param(param: Param): T
  abstract constant(value: Parameters<Ops<T>['constant']>[0]): T
  abstract scalar(value: number): T
  abstract add(a: T, b: T): T
  abstract sub(a: T, b: T): T
  abstract mul(a: T, b: T): T
  abstract div(a: T, b: T): T
  abstract maximum(a: T, b: T): T
  abstract greaterEqual(a: T, b: T): T
  abstract float(x: T): T
  abstract exp(x: T): T
  abstract log(x: T): T
  abstract sqrt(x: T): T
  abstract cos(x: T): T
  abstract sin(x: T): T
  abstract erf(x: T): T
  abstract activation(x: T, name: Activation): T
  abstract matMul(a: T, b: T, options?: { readonly transposeA?: boolean; readonly transposeB?: boolean }): T
  abstract softmax(x: T): T
  abstract sum(x: T, axes: readonly number[], keepDims?: boolean): T
  abstract mean(x: T, axes: readonly number[], keepDims?: boolean): T
  abstract max(x: T, axes: readonly number[], keepDims?: boolean): T
  abstract transpose(x: T, axes: readonly number[]): T
  abstract reshape(x: T, dims: readonly number[]): T
  abstract slice(x: T, axis: number, start: number, end?: number): T
  abstract concat(parts: readonly T[], axis: number): T
  abstract pad(x: T, axis: number, before: number, after: number): T
  abstract expandToBatch(x: T, like: T): T
  abstract expand(x: T, dims: readonly number[]): T
  abstract gather(x: T, index: T, axis?: number): T
  abstract scatterAdd(rows: T, index: T, count: number): T
  abstract oneHot(index: T, like: T): T
  abstract dropout(x: T, rate: number, of?: 'batch' | 'table'): T
  abstract dropPath(x: T, rate: number): T

  protected sizes(x: T): readonly number[] {
    return this.dims(x) as readonly number[]
  }

  linear(x: T, { weight, bias, scale }: Linear, activation: Activation = 'linear'): T {
    const rows = weight.rows ? weight.rows[1] - weight.rows[0] : (weight.shape[0] as number)
    const product = this.matMul(x, this.reshape(this.param(weight), [rows, -1]), { transposeB: true })
    const sum = bias ? this.add(product, this.param(bias)) : product
    const activated = activation === 'linear' ? sum : this.activation(sum, activation)
    return scale ? this.mul(activated, this.param(scale)) : activated
  }
  linears(x: T, layers: readonly Projection[]): T[] {
    return layers.map((layer) => this.linear(x, layer))
  }

  layerNorm(x: T, { weight, bias, eps }: Norm): T {
    const centred = this.sub(x, this.mean(x, [-1], true))
    const variance = this.mean(this.mul(centred, centred), [-1], true)
    const normed = this.div(centred, this.sqrt(this.add(variance, this.scalar(eps))))
    const scaled = this.mul(normed, this.param(weight))
    return bias ? this.add(scaled, this.param(bias)) : scaled
  }
  addLayerNorm(x: T, residual: T, norm: Norm): { sum: T; normed: T } {
    const sum = this.add(x, residual)
    return { sum, normed: this.layerNorm(sum, norm) }
  }

  embedding(ids: T, table: Param): T {
    return this.gather(this.param(table), ids)
  }
  patchEmbed(pixels: T, { weight, bias }: Projection): T {
    const [, , ph = 1, pw = 1] = weight.shape
    const [batch = 1, channels = 1, height = 1, width = 1] = this.sizes(pixels)
    const [rows, columns] = [Math.floor(height / ph), Math.floor(width / pw)]
    const whole = this.slice(this.slice(pixels, 2, 0, rows * ph), 3, 0, columns * pw)
    const split = this.transpose(this.reshape(whole, [batch * channels, rows, ph, columns, pw]), [0, 1, 3, 2, 4])
    const byChannel = this.reshape(split, [batch, channels, rows * columns, ph * pw])
    const patches = this.reshape(this.transpose(byChannel, [0, 2, 1, 3]), [batch, rows * columns, -1])
    return this.linear(patches, { weight, bias })
  }

  attention(q: T, k: T, v: T, options: AttentionOptions<T>): { context: T; probs?: T } {
    const { heads, keyMask, bias, causal, dropout = 0 } = options
    const [batch = 1, length = 1, hidden = 1] = this.sizes(q)
    const headSize = hidden / heads
    const split = (x: T): T => this.transpose(this.reshape(x, [batch, -1, heads, headSize]), [0, 2, 1, 3])
    // The queries are scaled, being fewer than the scores.
    const scaled = this.mul(q, this.scalar(options.scale ?? 1 / Math.sqrt(headSize)))
    let scores = this.matMul(split(scaled), split(k), { transposeB: true })
    if (bias !== undefined) scores = this.add(scores, bias)
    if (keyMask !== undefined) scores = this.add(scores, this.reshape(this.#masked(keyMask), [batch, 1, 1, -1]))
    if (causal) scores = this.add(scores, this.constant(causalBias(length)))
    const probs = this.softmax(scores)
    const kept = dropout > 0 ? this.dropout(probs, dropout) : probs
    const context = this.reshape(this.transpose(this.matMul(kept, split(v)), [0, 2, 1, 3]), [batch, length, hidden])
    return { context, ...(options.probs ? { probs: kept } : {}) }
  }

  /** 1 and 0 -> 0 and the lowest number. */
  #masked(mask: T): T {
    return this.mul(this.sub(this.scalar(1), this.float(mask)), this.scalar(MASKED))
  }

  concatTokens(parts: readonly T[]): T {
    return this.concat(parts, 1)
  }
  sliceTokens(x: T, start: number, end?: number): T {
    return this.slice(x, 1, start, end)
  }
  token(x: T, index: number): T {
    const [batch = 1, , size = 1] = this.sizes(x)
    const end = index === -1 ? undefined : index + 1
    return this.reshape(this.slice(x, 1, index, end), [batch, size])
  }
  tokenAt(x: T, index: T): T {
    return this.sum(this.mul(x, this.reshape(this.oneHot(index, x), [0, 0, 1])), [1])
  }
  meanTokens(x: T, mask?: T): T {
    if (mask === undefined) return this.mean(x, [1])
    const weights = this.reshape(this.float(mask), [0, 0, 1])
    return this.div(this.sum(this.mul(x, weights), [1]), this.sum(weights, [1]))
  }
  maxTokens(x: T, mask?: T): T {
    return this.max(mask === undefined ? x : this.add(x, this.reshape(this.#masked(mask), [0, 0, 1])), [1])
  }
  l2Normalize(x: T, eps?: number): T {
    const norm = this.sqrt(this.sum(this.mul(x, x), [-1], true))
    return this.div(x, eps === undefined ? norm : this.maximum(norm, this.scalar(eps)))
  }

  conv2d(x: T, { weight, bias }: Projection, options: ConvolutionOptions = {}): T {
    const { strides = [1, 1], padding = [0, 0, 0, 0], groups = 1 } = options
    const [out = 1, , height = 1, width = 1] = weight.shape
    const [batch = 1, channels = 1] = this.sizes(x)
    const windows = this.#windows(x, { size: [height, width], strides, padding })
    const [, , h = 1, w = 1] = this.sizes(windows[0] as T)
    const inner = channels / groups
    const columns = windows.map((part) => this.reshape(part, [batch, groups, inner, 1, h * w]))
    // [B, groups, inner * height * width, H' * W']
    const matrix = this.reshape(this.concat(columns, 3), [batch, groups, inner * height * width, h * w])
    const kernel = this.reshape(this.param(weight), [1, groups, out / groups, inner * height * width])
    const product = this.matMul(this.expandToBatch(kernel, x), matrix)
    const y = this.reshape(product, [batch, out, h, w])
    return bias ? this.add(y, this.reshape(this.param(bias), [1, out, 1, 1])) : y
  }
  maxPool2d(x: T, { size, strides, padding = [0, 0, 0, 0] }: PoolOptions): T {
    // Padding is never the maximum: everything is raised above zero's reach, and lowered again.
    const [first, ...others] = this.#windows(x, { size, strides, padding }, MASKED) as [T, ...T[]]
    const expanded = [first, ...others].map((part) => this.reshape(part, [...this.sizes(part), 1]))
    return this.max(this.concat(expanded, 4), [4])
  }

  /** `[B, C, H', W']` for each place in a window, row by row. */
  #windows(x: T, { size, strides, padding }: Required<PoolOptions>, fill = 0): T[] {
    const [top, left, bottom, right] = padding
    const padded = this.#filled(this.#filled(x, 2, top, bottom, fill), 3, left, right, fill)
    const [, , height = 1, width = 1] = this.sizes(padded)
    const counts = [
      Math.floor((height - size[0]) / strides[0]) + 1,
      Math.floor((width - size[1]) / strides[1]) + 1,
    ] as const
    return Array.from({ length: size[0] * size[1] }, (_, i) => {
      const rows = this.#every(padded, 2, Math.floor(i / size[1]), strides[0], counts[0])
      return this.#every(rows, 3, i % size[1], strides[1], counts[1])
    })
  }

  #filled(x: T, axis: number, before: number, after: number, fill: number): T {
    if (before === 0 && after === 0) return x
    if (fill === 0) return this.pad(x, axis, before, after)
    const sizes = this.sizes(x)
    const edge = (count: number): T[] =>
      count === 0
        ? []
        : [
            this.expand(
              this.scalar(fill),
              sizes.map((size, i) => (i === axis ? count : size)),
            ),
          ]
    return this.concat([...edge(before), x, ...edge(after)], axis)
  }

  /** `count` slices along an axis, from `start` on each `step`-th. */
  #every(x: T, axis: number, start: number, step: number, count: number): T {
    if (step === 1) return this.slice(x, axis, start, start + count)
    const sizes = this.sizes(x)
    const missing = Math.max(0, start + count * step - (sizes[axis] as number))
    const whole = this.slice(missing > 0 ? this.pad(x, axis, 0, missing) : x, axis, start, start + count * step)
    const split = this.reshape(
      whole,
      sizes.flatMap((size, i) => (i === axis ? [count, step] : [size])),
    )
    const firsts = this.slice(split, axis + 1, 0, 1)
    return this.reshape(
      firsts,
      sizes.map((size, i) => (i === axis ? count : size)),
    )
  }
}

/** `[L, L]`: the lowest number above the diagonal, 0 elsewhere. */
function causalBias(length: number) {
  const data = new Float32Array(length * length)
  for (let i = 0; i < length; i++) data.fill(MASKED, i * length + i + 1, (i + 1) * length)
  return tensor(data, [length, length])
}
