import {
  type Activation,
  type AttentionOptions,
  type Dim,
  type Linear,
  type Norm,
  type Ops,
  type Param,
  type Projection,
  sizeOf,
  tensor,
} from '@dual-encoder/core/backend'
import { LEAST, writeActivation } from './graph/activations'
import { MASKED, writeAttention, writePadding } from './graph/attention'
import { MICROSOFT } from './graph/builder'
import { writeByRows } from './graph/by-rows'
import { rowCount } from './graph/dims'
import { onProcessor } from './graph/kernels'
import { writeInt8Linear, writeInt8Rows } from './int8/linear'
import type { Place } from './int8/plan'
import type { Int8Layer, Int8Part } from './int8/weights'
import { canBeFlat, OnnxPrimitives, type MatMulOptions, type OnnxValue } from './primitives'

/** Tokens of a picture from which on weights need not be packed ahead: ViT-B/16 has 197, ViT-B/32 50. */
const MANY_ROWS = 128

/** Tokens of a batch from which on a layer that learns is written in more steps than the engine's one, each of them faster. */
const MANY_TRAINED = 2048

/**
 * From so many rows and columns on two matrices that are summed over rows are multiplied faster after the narrower was
 * transposed: the engine's kernel reads the left one crosswise again for every 128 columns of the other.
 */
const [MANY_SUMMED, MANY_COLUMNS] = [1024, 512]

/** Of the layer that reads it, by what it comes of. */
function placeOf({ dims, isAttended, least }: OnnxValue): Place | undefined {
  if (isAttended) return 'attended'
  if (dims.length < 3) return 'pooled'
  return least === undefined ? undefined : 'activated'
}

const sizeAt = (dims: readonly Dim[], axis: number): number => dims[axis] as number

/** Writes a tower as an ONNX graph. */
export class OnnxOps extends OnnxPrimitives implements Ops<OnnxValue> {
  get onProcessor(): boolean {
    return onProcessor(this.kernels)
  }

  /**
   * ONNX Runtime packs constant weights when it loads, which takes most of that time. With many rows a call packs as it
   * goes, for 6% of a layer's time in a batch of one and for less in larger ones: there it does, but for `linears`.
   */
  linear(x: OnnxValue, layer: Linear, activation: Activation = 'linear'): OnnxValue {
    const [, rows] = x.dims
    const isLong = x.dims.length > 2 && typeof rows === 'number' && rows >= MANY_ROWS
    if (isLong && this.onProcessor && !this.int8) this.graph.keepUnpacked(this.initializer(layer.weight))
    return this.#linear(x, layer, activation, placeOf(x))
  }

  /** Packed ahead: queries, keys and values, a quarter of a tower's weights. */
  linears(x: OnnxValue, layers: readonly Projection[]): OnnxValue[] {
    const last = layers.length - 1
    return layers.map((layer, i) => this.#linear(x, layer, 'linear', i === last ? 'attended' : 'scores'))
  }

  #linear(x: OnnxValue, { weight, bias, scale }: Linear, activation: Activation, place?: Place): OnnxValue {
    const [start, end] = weight.rows ?? [0, weight.shape[0] ?? 0]
    const int8 = this.int8?.layer(weight, bias, x.norm?.norm, place)
    const activated = int8
      ? this.#multipliedInt8(x, { weight, bias }, activation, int8)
      : writeActivation(this.graph, this.#multiplied(x, weight, bias), activation, this.kernels)
    const scaled = scale ? this.graph.node('Mul', [activated, this.initializer(scale)]) : activated
    const dims = [...x.dims.slice(0, -1), end - start]
    const least = scale ? undefined : LEAST[activation]
    if (canBeFlat(dims)) return { ...this.like(dims, scaled), least }
    const leading = this.graph.node('Shape', [this.shaped(x)], { start: 0, end: -1 })
    const shape = this.graph.node('Concat', [leading, this.graph.ints([end - start])], { axis: 0 })
    return { dims, shaped: this.graph.node('Reshape', [scaled, shape]), least }
  }

  #multiplied(x: OnnxValue, weight: Param, bias?: Param): string {
    const inputs = [this.flat(x), this.initializer(weight)]
    const addend = bias ? [this.initializer(bias)] : []
    const learns = this.onProcessor && this.dataOf(weight) === 'input'
    // The kernel first writes a bias to every row, on one thread. What has but a name is no number, and not many.
    if (bias && learns && sizeOf(x.dims.slice(0, -1).map(Number)) >= MANY_TRAINED)
      return this.graph.node('Add', [this.graph.node('Gemm', inputs, { transB: 1 }), ...addend])
    return this.graph.node('Gemm', [...inputs, ...addend], { transB: 1 })
  }

  #multipliedInt8(x: OnnxValue, { weight, bias }: Projection, activation: Activation, layer: Int8Layer): string {
    const { form, element, parts, gain } = layer
    const { shape, init } = weight
    const initializer = (part: Int8Part) => this.initializer({ ...part, init }, part.element)
    return writeInt8Linear(this.graph, gain && x.norm ? this.#normedBy(x.norm, { ...gain, init }) : this.flat(x), {
      form,
      element,
      rows: rowCount(x.dims),
      inputs: shape[1] ?? 0,
      parts: parts.map(initializer),
      bias: layer.bias ? initializer(layer.bias) : bias && this.initializer(bias),
      activation,
      least: x.least,
    })
  }

  /** The norm with another gain, and no bias. */
  #normedBy({ norm, of }: NonNullable<OnnxValue['norm']>, gain: Param): string {
    return this.graph.once(`${of} by ${gain.name}`, () => this.#normed(of, norm, [this.initializer(gain)]))
  }

  /** Matrices of a stack are read as they lie; of two that are summed over rows, the narrower may be transposed first. */
  override matMul(a: OnnxValue, b: OnnxValue, options: MatMulOptions = {}): OnnxValue {
    const { transposeA = false, transposeB = false } = options
    if (!this.onProcessor || !(transposeA || transposeB)) return super.matMul(a, b, options)
    const { graph } = this
    const [rows, width] = a.dims.slice(-2)
    if (b.dims.length > 2) {
      const attributes = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 }
      const shaped = graph.node('FusedMatMul', [this.shaped(a), this.shaped(b)], attributes, MICROSOFT)
      const dims = [...a.dims.slice(0, -2), (transposeA ? width : rows) as Dim, b.dims.at(transposeB ? -2 : -1) as Dim]
      return { dims, shaped }
    }
    if (!transposeA || transposeB || a.dims.length > 2) return super.matMul(a, b, options)
    const columns = b.dims[1] as Dim
    const isLarge =
      typeof rows === 'number' && rows >= MANY_SUMMED && Math.max(Number(width), Number(columns)) >= MANY_COLUMNS
    if (!isLarge) return super.matMul(a, b, options)
    const [narrow, wide] = Number(width) < Number(columns) ? [a, b] : [b, a]
    const product = super.matMul(this.#crosswise(narrow), wide)
    return narrow === a ? product : this.#crosswise(product)
  }

  /** A matrix transposed beside a product: as a stack of one, which the engine does not take for an option of the product. */
  #crosswise(x: OnnxValue): OnnxValue {
    const [rows, columns] = x.dims as [number, number]
    const stack = this.transpose(this.reshape(x, [1, rows, columns]), [0, 2, 1])
    return this.reshape(stack, [columns, rows])
  }

  /** Columns of a matrix are summed as its product with ones: in half to a third of the time of the engine's own sum. */
  override sum(x: OnnxValue, axes: readonly number[], keepDims = false): OnnxValue {
    const [rows, ...others] = x.dims
    if (axes.join() !== '0' || others.length !== 1 || keepDims || x.root || typeof rows !== 'number')
      return super.sum(x, axes, keepDims)
    const ones = this.graph.tensor(tensor(new Float32Array(rows).fill(1), [rows]))
    return { dims: others, shaped: this.graph.node('MatMul', [ones, this.shaped(x)]) }
  }

  byRows(
    inputs: readonly OnnxValue[],
    compute: (ops: OnnxOps, inputs: readonly OnnxValue[]) => readonly OnnxValue[],
  ): OnnxValue[] | undefined {
    const { graph, kernels } = this
    const [{ dims }] = inputs as [OnnxValue]
    const width = dims.at(-1)
    const rows = sizeOf(dims.slice(0, -1).map(Number))
    // In browsers it was not measured.
    if (kernels !== 'cpu' || typeof width !== 'number' || Number.isNaN(rows)) return undefined
    const names = inputs.map((x) => this.flat(x))
    const made = writeByRows(graph, names, [rows, width], (body, blocks, size) => {
      this.graph = body
      try {
        const given = blocks.map((shaped) => ({ dims: [size, width], shaped }))
        return compute(this, given).map((x) => this.shaped(x))
      } finally {
        this.graph = graph
      }
    })
    return made?.map((name) => this.like(dims, name))
  }

  layerNorm(x: OnnxValue, norm: Norm): OnnxValue {
    const y = this.like(x.dims, this.#normed(this.flat(x), norm, this.#norm(norm)))
    return this.int8 ? { ...y, norm: { norm, of: this.flat(x) } } : y
  }

  #normed(x: string, { eps }: Norm, params: readonly string[]): string {
    return this.graph.node('LayerNormalization', [x, ...params], { axis: -1, epsilon: { float: eps } })
  }

  addLayerNorm(x: OnnxValue, residual: OnnxValue, norm: Norm): { sum: OnnxValue; normed: OnnxValue } {
    const sameShape = x.dims.join() === residual.dims.join()
    // On the processor the fused operator takes four times as long as the two (ONNX Runtime 1.30).
    if (this.kernels === 'standard' || this.onProcessor || !sameShape) {
      const sum = this.add(x, residual)
      return { sum, normed: this.layerNorm(sum, norm) }
    }
    const inputs = [this.flat(x), this.flat(residual), ...this.#norm(norm)]
    const epsilon = { float: norm.eps }
    const wanted = [true, false, false, true]
    const [normed, , , sum] = this.graph.nodeWithOutputs(
      'SkipLayerNormalization',
      inputs,
      wanted,
      { epsilon },
      MICROSOFT,
    )
    return { sum: this.like(x.dims, sum as string), normed: this.like(x.dims, normed as string) }
  }

  #norm({ weight, bias }: Norm): string[] {
    return [this.initializer(weight), ...(bias ? [this.initializer(bias)] : [])]
  }

  embedding(ids: OnnxValue, table: Param): OnnxValue {
    const { graph } = this
    const rowsOf = (from: string) => graph.node('Gather', [from, this.shaped(ids)], { axis: 0 })
    const dims = [...ids.dims, table.shape[1] as number]
    const int8 = this.int8?.table(table)
    if (!int8) return { dims, shaped: rowsOf(this.initializer(table)) }
    const parts = int8.map((part) => rowsOf(this.initializer({ ...part, init: table.init }, part.element)))
    return { dims, shaped: writeInt8Rows(graph, parts, int8, ids.dims.length) }
  }

  patchEmbed(pixels: OnnxValue, { weight, bias }: Projection): OnnxValue {
    const { graph } = this
    const [size = 0, channels = 1, height = 1, width = 1] = weight.shape
    const attributes = { kernel_shape: [height, width], strides: [height, width] }
    const [values, matrix] = [this.shaped(pixels), this.initializer(weight)]
    const addend = bias ? [this.initializer(bias)] : []
    const count = Math.floor(sizeAt(pixels.dims, 2) / height) * Math.floor(sizeAt(pixels.dims, 3) / width)
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
    const { heads, keyMask, bias, causal } = options
    const headSize = sizeAt(q.dims, 2) / heads
    const scale = options.scale ?? 1 / Math.sqrt(headSize)
    // The engine's softmax takes six times as long for what is masked, which of causal scores is half.
    const isFloored = this.kernels === 'cpu' && causal === true && !options.probs
    const names = [this.shaped(q), this.shaped(k), this.shaped(v)] as const
    if (isFloored || options.probs || this.kernels === 'standard' || this.kernels === 'webgpu') {
      const { context, probs } = writeAttention(this.graph, names, {
        heads,
        headSize,
        scale,
        bias: bias && this.shaped(bias),
        keyMask: keyMask && this.graph.once(`float ${this.shaped(keyMask)}`, () => this.#float(keyMask)),
        causal,
        isFloored,
        lengths: `${q.dims[1]} ${k.dims[1]}`,
      })
      return {
        context: { dims: q.dims, shaped: context, isAttended: true },
        probs: { dims: [q.dims[0], heads, q.dims[1], k.dims[1]] as Dim[], shaped: probs },
      }
    }
    const mask = keyMask ? this.graph.node('Cast', [this.shaped(keyMask)], { to: 6 }) : ''
    const rows = bias ? this.#withBatch(bias) : ''
    const inputs = [...names, '', mask, rows]
    while (inputs.at(-1) === '') inputs.pop()
    const attributes = {
      num_heads: heads,
      scale: { float: scale },
      mask_filter_value: { float: MASKED },
      ...(causal ? { unidirectional: 1 } : {}),
    }
    const shaped = this.graph.node('MultiHeadAttention', inputs, attributes, MICROSOFT)
    return { context: { dims: q.dims, shaped, isAttended: true } }
  }

  /** `[heads, Lq, Lk]` -> `[1, heads, Lq, Lk]` */
  #withBatch(bias: OnnxValue): string {
    const name = this.shaped(bias)
    return bias.dims.length === 3 ? this.graph.node('Unsqueeze', [name, this.graph.ints([0])]) : name
  }

  #float(x: OnnxValue): string {
    return this.shaped(this.float(x))
  }

  concatTokens(parts: readonly OnnxValue[]): OnnxValue {
    return this.concat(parts, 1)
  }
  sliceTokens(x: OnnxValue, start: number, end?: number): OnnxValue {
    return this.slice(x, 1, start, end)
  }
  token(x: OnnxValue, index: number): OnnxValue {
    const shaped = this.graph.node('Gather', [this.shaped(x), this.graph.ints([index], true)], { axis: 1 })
    return { dims: [x.dims[0] as Dim, x.dims[2] as Dim], shaped }
  }
  tokenAt(x: OnnxValue, index: OnnxValue): OnnxValue {
    const indices = this.graph.node('Unsqueeze', [this.shaped(index), this.graph.ints([1])])
    const shaped = this.graph.node('GatherND', [this.shaped(x), indices], { batch_dims: 1 })
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
  maxTokens(x: OnnxValue, mask?: OnnxValue): OnnxValue {
    if (!mask) return this.max(x, [1])
    const { graph } = this
    const padding = writePadding(graph, this.#float(mask))
    const shaped = graph.node('Add', [this.shaped(x), graph.node('Unsqueeze', [padding, graph.ints([2])])])
    return this.max({ dims: x.dims, shaped }, [1])
  }
  l2Normalize(x: OnnxValue, eps?: number): OnnxValue {
    const { graph } = this
    if (eps === undefined)
      return { dims: x.dims, shaped: graph.node('LpNormalization', [this.shaped(x)], { axis: -1, p: 2 }) }
    const norm = graph.node('ReduceL2', [this.shaped(x)], { axes: [-1], keepdims: 1 })
    return { dims: x.dims, shaped: graph.node('Div', [this.shaped(x), graph.node('Max', [norm, graph.float(eps)])]) }
  }
  dropout(x: OnnxValue): OnnxValue {
    return x
  }
  dropPath(x: OnnxValue): OnnxValue {
    return x
  }
}
