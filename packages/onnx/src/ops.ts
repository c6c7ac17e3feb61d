import type { Tensor } from '@dual-encoder/core'
import type { Activation, AttentionOptions, Linear, Norm, Ops, Param, Projection } from '@dual-encoder/core/backend'
import { writeActivation } from './graph/activations'
import { type GraphBuilder, MICROSOFT } from './graph/builder'
import type { Kernels } from './graph/kernels'
import type { TensorProto } from './graph/proto'

type Dim = number | string

/**
 * A value of a graph under construction. `[B, L, D]` has two names: `shaped`, and `flat` for the same
 * values as `[B * L, D]`, the form that `Gemm` takes. Either is made from the other when first asked for.
 */
export interface OnnxValue {
  readonly dims: readonly Dim[]
  shaped?: string
  flat?: string
}

/** Where the bytes of a weight are, for an initializer. */
export type PlaceParam = (param: Param) => TensorProto['data']

/** What transformers adds to the scores of padding: the lowest float32. */
const MASKED = -3.4028234663852886e38

/** Tokens of a picture from which on weights need not be packed ahead: ViT-B/16 has 197, ViT-B/32 50. */
const MANY_ROWS = 128

const sizeOf = (dims: readonly Dim[], axis: number): number => dims[axis] as number

/** Writes a tower as an ONNX graph. */
export class OnnxOps implements Ops<OnnxValue> {
  /** `[B, L]` of the token ids, for reshapes where L is symbolic. */
  #textShape?: string

  constructor(
    readonly graph: GraphBuilder,
    private readonly place: PlaceParam,
    private readonly kernels: Kernels,
  ) {}

  input(name: string, element: 'float32' | 'int64', dims: readonly Dim[]): OnnxValue {
    const shaped = this.graph.input(name, element, dims)
    if (typeof dims[1] === 'string') this.#textShape ??= this.graph.node('Shape', [shaped])
    return { dims, shaped }
  }

  get #onProcessor(): boolean {
    return this.kernels === 'cpu' || this.kernels === 'wasm'
  }

  /** The name of a value in its own shape. */
  shaped(x: OnnxValue): string {
    return (x.shaped ??= this.graph.node('Reshape', [x.flat as string, this.#shapeOf(x.dims)]))
  }

  #flat(x: OnnxValue): string {
    if (x.dims.length < 3) return this.shaped(x)
    return (x.flat ??= this.graph.node('Reshape', [x.shaped as string, this.graph.ints([-1, sizeOf(x.dims, 2)])]))
  }

  /** `[B, L, D]` of a flat value: the batch is what is left, unless L is symbolic too. */
  #shapeOf(dims: readonly Dim[]): string {
    const [, length, size] = dims
    if (typeof length === 'number') return this.graph.ints([-1, length, size as number])
    return this.graph.node('Concat', [this.#textShape as string, this.graph.ints([size as number])], { axis: 0 })
  }

  #initializer(param: Param): string {
    const [start, end] = param.rows ?? [0, param.shape[0] ?? 1]
    const dims = param.shape.length === 0 ? [] : [end - start, ...param.shape.slice(1)]
    const name = param.rows ? `${param.name}[${start}:${end}]` : param.name
    return this.graph.initializer({ name, element: 'float32', dims, data: this.place(param) })
  }

  param(param: Param): OnnxValue {
    return { dims: param.shape, shaped: this.#initializer(param) }
  }

  constant(value: Tensor): OnnxValue {
    return { dims: value.dims, shaped: this.graph.tensor(value) }
  }

  linear(x: OnnxValue, { weight, bias, scale }: Linear, activation: Activation = 'linear'): OnnxValue {
    const [start, end] = weight.rows ?? [0, weight.shape[0] ?? 0]
    const matrix = this.#initializer(weight)
    if (this.#isBetterUnpacked(x, end - start)) this.graph.keepUnpacked(matrix)
    const inputs = [this.#flat(x), matrix, ...(bias ? [this.#initializer(bias)] : [])]
    const y = this.graph.node('Gemm', inputs, { transB: 1 })
    const activated = writeActivation(this.graph, y, activation, this.kernels)
    const scaled = scale ? this.graph.node('Mul', [activated, this.#initializer(scale)]) : activated
    return this.#like([...x.dims.slice(0, -1), end - start], scaled)
  }

  /**
   * ONNX Runtime packs constant weights when it loads, which takes most of that time and a copy of them. With many
   * rows a call packs as it goes for 2 to 4% of a layer's time: the MLP's layers, two thirds of a tower, are left to that.
   */
  #isBetterUnpacked(x: OnnxValue, outputs: number): boolean {
    if (!this.#onProcessor || x.dims.length < 3) return false
    const [, rows, inputs] = x.dims
    return typeof rows === 'number' && rows >= MANY_ROWS && outputs !== inputs
  }

  /** A value of `dims` whose flat form (its only form below rank 3) is `name`. */
  #like(dims: readonly Dim[], name: string): OnnxValue {
    return dims.length < 3 ? { dims, shaped: name } : { dims, flat: name }
  }

  linears(x: OnnxValue, layers: readonly Projection[]): OnnxValue[] {
    return layers.map((layer) => this.linear(x, layer))
  }

  layerNorm(x: OnnxValue, norm: Norm): OnnxValue {
    const inputs = [this.#flat(x), this.#initializer(norm.weight), this.#initializer(norm.bias)]
    return this.#like(x.dims, this.graph.node('LayerNormalization', inputs, { axis: -1, epsilon: { float: norm.eps } }))
  }

  addLayerNorm(x: OnnxValue, residual: OnnxValue, norm: Norm): { sum: OnnxValue; normed: OnnxValue } {
    const sameShape = x.dims.join() === residual.dims.join()
    // On the processor the fused operator takes four times as long as the two (ONNX Runtime 1.30).
    if (this.kernels === 'standard' || this.#onProcessor || !sameShape) {
      const sum = this.add(x, residual)
      return { sum, normed: this.layerNorm(sum, norm) }
    }
    const inputs = [this.#flat(x), this.#flat(residual), this.#initializer(norm.weight), this.#initializer(norm.bias)]
    const epsilon = { float: norm.eps }
    const wanted = [true, false, false, true]
    const [normed, , , sum] = this.graph.nodeWithOutputs(
      'SkipLayerNormalization',
      inputs,
      wanted,
      { epsilon },
      MICROSOFT,
    )
    return { sum: this.#like(x.dims, sum as string), normed: this.#like(x.dims, normed as string) }
  }

  embedding(ids: OnnxValue, table: Param): OnnxValue {
    const shaped = this.graph.node('Gather', [this.#initializer(table), this.shaped(ids)], { axis: 0 })
    return { dims: [...ids.dims, table.shape[1] as number], shaped }
  }

  patchEmbed(pixels: OnnxValue, { weight, bias }: Projection): OnnxValue {
    const { graph } = this
    const [size = 0, channels = 1, height = 1, width = 1] = weight.shape
    const attributes = { kernel_shape: [height, width], strides: [height, width] }
    const [values, matrix] = [this.shaped(pixels), this.#initializer(weight)]
    const addend = bias ? [this.#initializer(bias)] : []
    const count = Math.floor(sizeOf(pixels.dims, 2) / height) * Math.floor(sizeOf(pixels.dims, 3) / width)
    const dims = [pixels.dims[0] as Dim, count, size]
    const tokens = (columns: string) => graph.node('Transpose', [columns], { perm: [0, 2, 1] })
    if (this.kernels !== 'wasm') {
      const grid = graph.node('Conv', [values, matrix, ...addend], attributes)
      return { dims, shaped: tokens(graph.node('Reshape', [grid, graph.ints([0, size, -1])])) }
    }
    // The wasm provider adds up all products of a patch in one go, and what that rounds off is the same in every patch
    // of a plain background. Channel by channel, the sums are as exact as those of the native provider.
    const byChannel = graph.node('Transpose', [matrix], { perm: [1, 0, 2, 3] })
    const filters = graph.node('Reshape', [byChannel, graph.ints([channels * size, 1, height, width])])
    const grids = graph.node('Conv', [values, filters], { ...attributes, group: channels })
    const apart = graph.node('Reshape', [grids, graph.ints([0, channels, size, -1])])
    const sums = tokens(graph.node('ReduceSum', [apart, graph.ints([1])], { keepdims: 0 }))
    return { dims, shaped: bias ? graph.node('Add', [sums, ...addend]) : sums }
  }

  attention(q: OnnxValue, k: OnnxValue, v: OnnxValue, options: AttentionOptions<OnnxValue>) {
    const headSize = sizeOf(q.dims, 2) / options.heads
    const scale = options.scale ?? 1 / Math.sqrt(headSize)
    const isPlain = this.kernels === 'standard' || this.kernels === 'webgpu'
    if (isPlain || options.probs) return this.#plainAttention(q, k, v, options, headSize, scale)
    const { heads, keyMask, bias } = options
    const mask = keyMask ? this.graph.node('Cast', [this.shaped(keyMask)], { to: 6 }) : ''
    const rows = bias ? this.graph.node('Unsqueeze', [this.shaped(bias), this.graph.ints([0])]) : ''
    const inputs = [this.shaped(q), this.shaped(k), this.shaped(v), '', mask, rows]
    while (inputs.at(-1) === '') inputs.pop()
    const attributes = { num_heads: heads, scale: { float: scale }, mask_filter_value: { float: MASKED } }
    const shaped = this.graph.node('MultiHeadAttention', inputs, attributes, MICROSOFT)
    return { context: { dims: q.dims, shaped } }
  }

  /** softmax(q kᵀ * scale + bias + mask) v, step by step. */
  #plainAttention(
    q: OnnxValue,
    k: OnnxValue,
    v: OnnxValue,
    { heads, keyMask, bias }: AttentionOptions<OnnxValue>,
    headSize: number,
    scale: number,
  ): { context: OnnxValue; probs: OnnxValue } {
    const { graph } = this
    const split = (x: OnnxValue, perm: readonly number[]) =>
      graph.node('Transpose', [graph.node('Reshape', [this.shaped(x), graph.ints([0, 0, heads, headSize])])], { perm })
    const products = graph.node('MatMul', [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])])
    let scores = graph.node('Mul', [products, graph.float(scale)])
    if (bias) scores = graph.node('Add', [scores, this.shaped(bias)])
    if (keyMask) {
      const padding = graph.node('Sub', [graph.float(1), this.#float(keyMask)])
      const masked = graph.node('Mul', [padding, graph.float(MASKED)])
      scores = graph.node('Add', [scores, graph.node('Unsqueeze', [masked, graph.ints([1, 2])])])
    }
    const probs = graph.node('Softmax', [scores], { axis: -1 })
    const joined = graph.node('Transpose', [graph.node('MatMul', [probs, split(v, [0, 2, 1, 3])])], {
      perm: [0, 2, 1, 3],
    })
    const shaped = graph.node('Reshape', [joined, graph.ints([0, 0, heads * headSize])])
    return {
      context: { dims: q.dims, shaped },
      probs: { dims: [q.dims[0] as Dim, heads, q.dims[1] as Dim, k.dims[1] as Dim], shaped: probs },
    }
  }

  #float(x: OnnxValue): string {
    return this.graph.node('Cast', [this.shaped(x)], { to: 1 })
  }

  activation(x: OnnxValue, name: Activation): OnnxValue {
    return this.#like(x.dims, writeActivation(this.graph, this.#flat(x), name, this.kernels))
  }

  add(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#elementwise('Add', a, b)
  }
  mul(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#elementwise('Mul', a, b)
  }
  #elementwise(op: string, a: OnnxValue, b: OnnxValue): OnnxValue {
    const rowwise = b.dims.length === 1 || a.dims.join() === b.dims.join()
    if (rowwise) return this.#like(a.dims, this.graph.node(op, [this.#flat(a), this.#flat(b)]))
    return { dims: a.dims, shaped: this.graph.node(op, [this.shaped(a), this.shaped(b)]) }
  }

  matMul(a: OnnxValue, b: OnnxValue): OnnxValue {
    return {
      dims: [a.dims[0] as Dim, b.dims[1] as Dim],
      shaped: this.graph.node('MatMul', [this.shaped(a), this.shaped(b)]),
    }
  }
  transpose(x: OnnxValue, axes: readonly number[]): OnnxValue {
    const shaped = this.graph.node('Transpose', [this.shaped(x)], { perm: axes })
    return { dims: axes.map((axis) => x.dims[axis] as Dim), shaped }
  }
  reshape(x: OnnxValue, dims: readonly number[]): OnnxValue {
    return { dims, shaped: this.graph.node('Reshape', [this.shaped(x), this.graph.ints(dims)]) }
  }
  gather(table: OnnxValue, index: Tensor): OnnxValue {
    const shaped = this.graph.node('Gather', [this.shaped(table), this.graph.tensor(index)], { axis: 0 })
    return { dims: [...index.dims, table.dims[1] as Dim], shaped }
  }

  expandToBatch(x: OnnxValue, like: OnnxValue): OnnxValue {
    const [, count, size] = x.dims as readonly number[]
    const batch = this.graph.node('Shape', [this.shaped(like)], { start: 0, end: 1 })
    const shape = this.graph.node('Concat', [batch, this.graph.ints([count as number, size as number])], { axis: 0 })
    const dims = [like.dims[0] as Dim, ...x.dims.slice(1)]
    return { dims, shaped: this.graph.node('Expand', [this.shaped(x), shape]) }
  }
  concatTokens(parts: readonly OnnxValue[]): OnnxValue {
    const [first] = parts as [OnnxValue]
    const length = parts.reduce((sum, part) => sum + sizeOf(part.dims, 1), 0)
    const names = parts.map((part) => this.shaped(part))
    return {
      dims: [first.dims[0] as Dim, length, first.dims[2] as Dim],
      shaped: this.graph.node('Concat', names, { axis: 1 }),
    }
  }
  sliceTokens(x: OnnxValue, start: number, end?: number): OnnxValue {
    const length = x.dims[1] as Dim
    const count = end !== undefined ? end - start : typeof length === 'number' ? length - start : length
    const bounds = [[start], [end ?? 2 ** 31], [1]].map((values) => this.graph.ints(values))
    return {
      dims: [x.dims[0] as Dim, count, x.dims[2] as Dim],
      shaped: this.graph.node('Slice', [this.shaped(x), ...bounds]),
    }
  }
  token(x: OnnxValue, index: number): OnnxValue {
    const shaped = this.graph.node('Gather', [this.shaped(x), this.graph.ints([index], true)], { axis: 1 })
    return { dims: [x.dims[0] as Dim, x.dims[2] as Dim], shaped }
  }
  meanTokens(x: OnnxValue, mask?: OnnxValue): OnnxValue {
    const { graph } = this
    const dims = [x.dims[0] as Dim, x.dims[2] as Dim]
    if (!mask) return { dims, shaped: graph.node('ReduceMean', [this.shaped(x)], { axes: [1], keepdims: 0 }) }
    const weights = graph.node('Unsqueeze', [this.#float(mask), graph.ints([2])])
    const total = (value: string) => graph.node('ReduceSum', [value, graph.ints([1])], { keepdims: 0 })
    const shaped = graph.node('Div', [total(graph.node('Mul', [this.shaped(x), weights])), total(weights)])
    return { dims, shaped }
  }
  l2Normalize(x: OnnxValue): OnnxValue {
    return { dims: x.dims, shaped: this.graph.node('LpNormalization', [this.shaped(x)], { axis: -1, p: 2 }) }
  }
  dropout(x: OnnxValue): OnnxValue {
    return x
  }
  dropPath(x: OnnxValue): OnnxValue {
    return x
  }
}
