import { sizeOf, type Tensor, tensor } from '../../base/tensor'

/** Strides of row-major values of `shape`. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= shape[axis] as number
  }
  return strides
}

/** The values that lie at `strides` (in values) from each other, in the order of `shape`. */
export function gatherStrided({ data, dtype }: Tensor, shape: readonly number[], strides: readonly number[]): Tensor {
  const out = new (data.constructor as new (length: number) => typeof data)(sizeOf(shape))
  const last = shape.length - 1
  const [width, step] = last < 0 ? [1, 0] : [shape[last] as number, strides[last] as number]
  const index = new Array<number>(shape.length).fill(0)
  for (let i = 0, from = 0; i < out.length;) {
    for (let column = 0, at = from; column < width; column++, at += step) out[i++] = data[at] as never
    for (let axis = last - 1; axis >= 0; axis--) {
      from += strides[axis] as number
      index[axis] = (index[axis] as number) + 1
      if ((index[axis] as number) < (shape[axis] as number)) break
      from -= (strides[axis] as number) * (shape[axis] as number)
      index[axis] = 0
    }
  }
  return tensor(out, shape, dtype)
}

/** The same values with their axes in another order. */
export function permute(value: Tensor, axes: readonly number[]): Tensor {
  const strides = rowMajor(value.dims)
  return gatherStrided(
    value,
    axes.map((axis) => value.dims[axis] as number),
    axes.map((axis) => strides[axis] as number),
  )
}
