import { sizeOf, type Tensor, tensor } from '../../base/tensor'
import type { Activation } from '../activations'
import { ComposedOps } from '../composed'
import type { Param } from '../ops'
import { ACTIVATIONS, erf } from './activations'

export type HostValue = Tensor<'float64'>

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** Row-major steps of `dims` as an operand of `target`: 0 along what is broadcast. */
function stepsFor(dims: readonly number[], target: readonly number[]): number[] {
  const offset = target.length - dims.length
  let step = sizeOf(dims)
  return target.map((_, axis) => {
    const dim = dims[axis - offset]
    if (dim === undefined) return 0
    step /= dim
    return dim === 1 ? 0 : step
  })
}

/** Offsets that `steps` give for each place of `dims`, row by row. */
function offsets(dims: readonly number[], steps: readonly number[]): Int32Array {
  const result = new Int32Array(sizeOf(dims))
  const at = dims.map(() => 0)
  let offset = 0
  for (let i = 0; i < result.length; i++) {
    result[i] = offset
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      offset += steps[axis] as number
      if (++at[axis]! < (dims[axis] as number)) break
      offset -= (steps[axis] as number) * (dims[axis] as number)
      at[axis] = 0
    }
  }
  return result
}

const host = (data: Float64Array, dims: readonly number[]): HostValue => tensor(data, dims, 'float64')

/**
 * Every op on the host in float64, each written as plainly as can be: what rules of gradients are held to, and what
 * small computations (a loss over embeddings) run on.
 */
export class HostOps extends ComposedOps<HostValue> {
  /** @param weights the values of parameters; rows of them are cut here. */
  constructor(private readonly weights: (name: string) => Tensor | undefined = () => undefined) {
    super()
  }

  dims(x: HostValue): readonly number[] {
    return x.dims
  }
  param({ name, shape, rows }: Param): HostValue {
    const whole = this.weights(name)
    if (!whole) throw new RangeError(`There is no weight "${name}".`)
    const value = this.reshape(this.constant(whole), shape)
    return rows ? this.slice(value, 0, ...rows) : value
  }
  constant({ data, dims }: Tensor): HostValue {
    return host(Float64Array.from(data as Iterable<number>, Number), dims)
  }
  scalar(value: number): HostValue {
    return host(Float64Array.of(value), [])
  }

  #zip(a: HostValue, b: HostValue, f: (x: number, y: number) => number): HostValue {
    const rank = Math.max(a.dims.length, b.dims.length)
    const at = (x: HostValue, axis: number): number => x.dims[axis - rank + x.dims.length] ?? 1
    const dims = Array.from({ length: rank }, (_, axis) => (at(a, axis) === 1 ? at(b, axis) : at(a, axis)))
    const [left, right] = [offsets(dims, stepsFor(a.dims, dims)), offsets(dims, stepsFor(b.dims, dims))]
    return host(
      Float64Array.from(left, (at, i) => f(a.data[at]!, b.data[right[i]!]!)),
      dims,
    )
  }
  #map(x: HostValue, f: (value: number) => number): HostValue {
    return host(x.data.map(f), x.dims)
  }
  add(a: HostValue, b: HostValue): HostValue {
    return this.#zip(a, b, (x, y) => x + y)
  }
  sub(a: HostValue, b: HostValue): HostValue {
    return this.#zip(a, b, (x, y) => x - y)
  }
  mul(a: HostValue, b: HostValue): HostValue {
    return this.#zip(a, b, (x, y) => x * y)
  }
  div(a: HostValue, b: HostValue): HostValue {
    return this.#zip(a, b, (x, y) => x / y)
  }
  maximum(a: HostValue, b: HostValue): HostValue {
    return this.#zip(a, b, Math.max)
  }
  greaterEqual(a: HostValue, b: HostValue): HostValue {
    return this.#zip(a, b, (x, y) => Number(x >= y))
  }
  float(x: HostValue): HostValue {
    return x
  }
  exp(x: HostValue): HostValue {
    return this.#map(x, Math.exp)
  }
  log(x: HostValue): HostValue {
    return this.#map(x, Math.log)
  }
  sqrt(x: HostValue): HostValue {
    return this.#map(x, Math.sqrt)
  }
  cos(x: HostValue): HostValue {
    return this.#map(x, Math.cos)
  }
  sin(x: HostValue): HostValue {
    return this.#map(x, Math.sin)
  }
  erf(x: HostValue): HostValue {
    return this.#map(x, erf)
  }
  activation(x: HostValue, name: Activation): HostValue {
    return this.#map(x, ACTIVATIONS[name])
  }

  matMul(
    a: HostValue,
    b: HostValue,
    { transposeA = false, transposeB = false }: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
  ): HostValue {
    const [left, right] = [transposeA ? this.#swapped(a) : a, transposeB ? this.#swapped(b) : b]
    const [m, k, n] = [left.dims.at(-2) ?? 1, left.dims.at(-1) ?? 1, right.dims.at(-1) ?? 1]
    const shared = right.dims.length === 2
    const dims = [...left.dims.slice(0, -1), n]
    const data = new Float64Array(sizeOf(dims))
    for (let row = 0; row < data.length / n; row++) {
      const start = shared ? 0 : Math.floor(row / m) * k * n
      for (let l = 0; l < k; l++) {
        const factor = left.data[row * k + l]!
        for (let j = 0; j < n; j++) data[row * n + j]! += factor * right.data[start + l * n + j]!
      }
    }
    return host(data, dims)
  }
  #swapped(x: HostValue): HostValue {
    const { length } = x.dims
    return this.transpose(x, [...x.dims.slice(0, -2).keys(), length - 1, length - 2])
  }
  softmax(x: HostValue): HostValue {
    const powers = this.exp(this.sub(x, this.max(x, [-1], true)))
    return this.div(powers, this.sum(powers, [-1], true))
  }

  #reduce(
    x: HostValue,
    axes: readonly number[],
    keepDims: boolean,
    f: (a: number, b: number) => number,
    start: number,
  ) {
    const reduced = new Set(axes.map((axis) => axisOf(axis, x.dims.length)))
    const kept = x.dims.map((dim, axis) => (reduced.has(axis) ? 1 : dim))
    const data = new Float64Array(sizeOf(kept)).fill(start)
    offsets(x.dims, stepsFor(kept, x.dims)).forEach((to, i) => (data[to] = f(data[to]!, x.data[i]!)))
    return host(data, keepDims ? kept : x.dims.filter((_, axis) => !reduced.has(axis)))
  }
  sum(x: HostValue, axes: readonly number[], keepDims = false): HostValue {
    return this.#reduce(x, axes, keepDims, (a, b) => a + b, 0)
  }
  mean(x: HostValue, axes: readonly number[], keepDims = false): HostValue {
    const total = this.sum(x, axes, keepDims)
    return this.#map(total, (value) => (value * total.data.length) / x.data.length)
  }
  max(x: HostValue, axes: readonly number[], keepDims = false): HostValue {
    return this.#reduce(x, axes, keepDims, Math.max, -Infinity)
  }

  transpose(x: HostValue, axes: readonly number[]): HostValue {
    const steps = stepsFor(x.dims, x.dims)
    const dims = axes.map((axis) => x.dims[axis]!)
    const from = offsets(
      dims,
      axes.map((axis) => steps[axis]!),
    )
    return host(
      Float64Array.from(from, (at) => x.data[at]!),
      dims,
    )
  }
  reshape(x: HostValue, dims: readonly number[]): HostValue {
    const kept = dims.map((dim, axis) => (dim === 0 ? x.dims[axis]! : dim))
    const known = sizeOf(kept.filter((dim) => dim !== -1))
    return host(
      x.data,
      kept.map((dim) => (dim === -1 ? x.data.length / known : dim)),
    )
  }
  slice(x: HostValue, axis: number, start: number, end?: number): HostValue {
    const at = axisOf(axis, x.dims.length)
    const size = x.dims[at]!
    const from = start < 0 ? start + size : start
    const to = end === undefined ? size : end < 0 ? size + end : Math.min(end, size)
    const [inner, outer] = [sizeOf(x.dims.slice(at + 1)), sizeOf(x.dims.slice(0, at))]
    const width = (to - from) * inner
    const data = new Float64Array(outer * width)
    for (let i = 0; i < outer; i++) {
      const begin = (i * size + from) * inner
      data.set(x.data.subarray(begin, begin + width), i * width)
    }
    return host(
      data,
      x.dims.map((dim, i) => (i === at ? to - from : dim)),
    )
  }
  concat(parts: readonly HostValue[], axis: number): HostValue {
    const [first] = parts as [HostValue]
    const at = axisOf(axis, first.dims.length)
    const dims = first.dims.map((dim, i) => (i === at ? parts.reduce((sum, part) => sum + part.dims[at]!, 0) : dim))
    const [inner, outer] = [sizeOf(dims.slice(at + 1)), sizeOf(dims.slice(0, at))]
    const data = new Float64Array(sizeOf(dims))
    let offset = 0
    for (let i = 0; i < outer; i++)
      for (const part of parts) {
        const width = part.dims[at]! * inner
        data.set(part.data.subarray(i * width, (i + 1) * width), offset)
        offset += width
      }
    return host(data, dims)
  }
  pad(x: HostValue, axis: number, before: number, after: number): HostValue {
    const at = axisOf(axis, x.dims.length)
    const zeros = (count: number) => {
      const dims = x.dims.map((dim, i) => (i === at ? count : dim))
      return host(new Float64Array(sizeOf(dims)), dims)
    }
    return this.concat([zeros(before), x, zeros(after)], at)
  }
  expandToBatch(x: HostValue, like: HostValue): HostValue {
    return this.expand(x, [like.dims[0]!, ...x.dims.slice(1)])
  }
  expand(x: HostValue, dims: readonly number[]): HostValue {
    return host(
      Float64Array.from(offsets(dims, stepsFor(x.dims, dims)), (at) => x.data[at]!),
      dims,
    )
  }

  gather(x: HostValue, index: HostValue, axis = 0): HostValue {
    const at = axisOf(axis, x.dims.length)
    const inner = sizeOf(x.dims.slice(at + 1))
    const outer = sizeOf(x.dims.slice(0, at))
    const data = new Float64Array(outer * index.data.length * inner)
    for (let i = 0; i < outer; i++)
      index.data.forEach((value, j) => {
        const from = (i * x.dims[at]! + value) * inner
        data.set(x.data.subarray(from, from + inner), (i * index.data.length + j) * inner)
      })
    return host(data, [...x.dims.slice(0, at), ...index.dims, ...x.dims.slice(at + 1)])
  }
  scatterAdd(rows: HostValue, index: HostValue, count: number): HostValue {
    const width = rows.dims.at(-1)!
    const data = new Float64Array(count * width)
    index.data.forEach((row, i) => {
      for (let j = 0; j < width; j++) data[row * width + j]! += rows.data[i * width + j]!
    })
    return host(data, [count, width])
  }
  oneHot(index: HostValue, like: HostValue): HostValue {
    const [batch, length] = [index.data.length, like.dims[1]!]
    const data = new Float64Array(batch * length)
    index.data.forEach((at, row) => (data[row * length + at] = 1))
    return host(data, [batch, length])
  }
  dropout(x: HostValue): HostValue {
    return x
  }
  dropPath(x: HostValue): HostValue {
    return x
  }
}
