import type * as tf from '@tensorflow/tfjs-core'

/** What a kernel is told of a tensor. */
export interface Shaped {
  readonly shape: readonly number[]
  readonly dtype: tf.DataType
}

/** Values that one element of an array holds: 4 makes it `vec4<f32>`. */
export type Width = 1 | 2 | 4

/** An array that the code reads by its name. */
export interface Input extends Shaped {
  readonly name: string
  readonly width?: Width
}

/**
 * One use of a kernel as plain data: what a device is told, and what a test can read without one. The code reads `name[i]`
 * of each input, `uniforms.nameShape` and `uniforms.outShape` as far as it needs them, and writes `result[i]`. It must read
 * every input and every uniform, or WebGPU's automatic layout lacks them.
 */
export interface Kernel {
  readonly name: string
  /** All that changes the code beside the ranks and dtypes of the tensors. */
  readonly variant: readonly unknown[]
  readonly inputs: readonly Input[]
  readonly result: {
    readonly shape: readonly number[]
    /** The shape under which the code knows it; its own by default. */
    readonly view?: readonly number[]
    /** float32 by default. */
    readonly dtype?: 'float32' | 'int32'
    readonly width?: Width
  }
  /** Further results, float32, which the code writes by their names. */
  readonly others?: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly uniforms?: readonly Uniform[]
  /** Invocations of a workgroup, and workgroups along each axis. */
  readonly workgroup: readonly [number, number]
  readonly groups: readonly [number, number, number]
  /** WGSL with a `fn main()`. */
  readonly code: string
}

export interface Uniform {
  readonly name: string
  readonly type: 'i32' | 'f32'
  readonly value: number
}

/** A kernel for such tensors and attributes. Pure: no device is asked. */
export type Describe<Tensors, Attrs = object> = (tensors: Tensors, attrs: Attrs) => Kernel

/** Integers that the code reads as `uniforms.name`. */
export const integers = (values: Readonly<Record<string, number>>): Uniform[] =>
  Object.entries(values).map(([name, value]) => ({ name, type: 'i32', value }))
/** Float32 values that the code reads as `uniforms.name`. */
export const floats = (values: Readonly<Record<string, number>>): Uniform[] =>
  Object.entries(values).map(([name, value]) => ({ name, type: 'f32', value }))

/** Tensors as the code knows them by their own shapes; those that are not given are left out. */
export const inputsOf = (tensors: Readonly<Record<string, Shaped | undefined>>): Input[] =>
  Object.entries(tensors).flatMap(([name, tensor]) =>
    tensor ? [{ name, shape: tensor.shape, dtype: tensor.dtype }] : [],
  )

/** The index of this workgroup where groups are spread over two axes because there are more than one axis takes. */
export const GROUP = 'i32(workgroupId.y * numWorkgroups.x + workgroupId.x)'

/** `count` workgroups over two axes. */
export const spread = (count: number): [number, number, number] => {
  const down = Math.ceil(count / 65535)
  return [Math.ceil(count / down), down, 1]
}

/** An invocation for each of `count` elements, of which the code takes `ELEMENT`, if there is one. */
export const overElements = (count: number): Pick<Kernel, 'workgroup' | 'groups'> => ({
  workgroup: [64, 1],
  groups: spread(Math.ceil(count / 64)),
})
export const ELEMENT = `${GROUP} * 64 + i32(localId.x)`

/**
 * Invocations to share a row of `length` values: enough for two values each, `most` at most. One without a value only
 * waits for the others at every barrier. Powers of four, since each number is a shader of its own.
 */
export const lanesOf = (length: number, most: number): number =>
  Math.min(most, 4 ** Math.max(1, Math.ceil(Math.log2(length / 2) / 2)))

/** `sumOf(v)`: the sum of `v` over the `size` (a power of two) invocations of a workgroup, in each of them. */
export const sumOverWorkgroup = (size: number): string => `
  var<workgroup> partial: array<f32, ${size}>;
  fn sumOf(v: f32) -> f32 {
    let at = localId.x;
    workgroupBarrier();
    partial[at] = v;
    workgroupBarrier();
    for (var half = ${size / 2}u; half > 0u; half = half >> 1u) {
      if (at < half) { partial[at] = partial[at] + partial[at + half]; }
      workgroupBarrier();
    }
    return partial[0];
  }`

/** `name(i)`: four values, of an array of `vec4<f32>`, or of float16 in two words. */
export const fourOf = (name: string, array: string, half: boolean): string =>
  half
    ? `fn ${name}(i: i32) -> vec4<f32> {
        let words = bitcast<vec2<u32>>(${array}[i]);
        return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
      }`
    : `fn ${name}(i: i32) -> vec4<f32> { return ${array}[i]; }`

/** Four values as an element of the result: themselves, or float16 in two words. */
export const asResult = (value: string, half: boolean): string =>
  half ? `bitcast<vec2<i32>>(vec2<u32>(pack2x16float((${value}).xy), pack2x16float((${value}).zw)))` : value
