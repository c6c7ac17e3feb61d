import type * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend, Program, Uniforms } from '../device/backend'

/** One use of a kernel. Every input and the uniforms must be read in `code`, or WebGPU's automatic layout lacks them. */
export interface Run {
  /** The kernel's name, and all that changes its code beside the ranks of its tensors. */
  readonly kernel: string
  readonly variant: readonly unknown[]
  readonly inputs: readonly Input[]
  readonly shape: number[]
  /** Of the result; float32 by default. */
  readonly dtype?: 'float32' | 'int32'
  /** Values that one element of the result's array holds: 4 makes it `vec4<f32>`. */
  readonly width?: 1 | 2 | 4
  readonly workgroup: readonly [number, number]
  readonly groups: readonly [number, number, number]
  /** `name: type` of each, and its values. */
  readonly uniforms?: readonly { readonly declare: string; readonly value: number }[]
  readonly code: string
}

export interface Input {
  readonly name: string
  readonly tensor: tf.TensorInfo
  /** The shape under which the code knows it; the tensor's own by default. */
  readonly shape?: number[]
  readonly width?: 1 | 2 | 4
}

const kindOf = (declaration: string): string => (declaration.endsWith('f32') ? 'float32' : 'int32')

/** Runs WGSL over tensors. */
export function runKernel(backend: DeviceBackend, run: Run): tf.TensorInfo {
  const { kernel, variant, inputs, shape, dtype = 'float32', width = 1, workgroup, groups, uniforms = [], code } = run
  const program: Program = {
    variableNames: inputs.map(({ name }) => name),
    variableComponents: inputs.map((input) => input.width ?? 1),
    outputShape: shape,
    outputComponent: width,
    workgroupSize: [...workgroup, 1],
    dispatch: [...groups],
    // Two axes, which leaves the indices to the code.
    dispatchLayout: { x: [0], y: [1] },
    uniforms: uniforms.map(({ declare }) => `${declare},`).join(' '),
    shaderKey: [kernel, ...variant].join('_'),
    getUserCode: () => code,
  }
  const views = inputs.map(({ tensor, shape }) => ({
    dataId: tensor.dataId,
    dtype: tensor.dtype,
    shape: shape ?? tensor.shape,
  }))
  const values: Uniforms = uniforms.map(({ declare, value }) => ({ type: kindOf(declare), data: [value] }))
  return backend.runKernel(kernel, program, views, dtype, values)
}

/** The index of this workgroup where groups are spread over two axes because there are more than one axis takes. */
export const GROUP = 'i32(workgroupId.y * numWorkgroups.x + workgroupId.x)'

/** `count` workgroups over two axes. */
export const spread = (count: number): [number, number, number] => {
  const across = Math.min(count, 65535)
  return [across, Math.ceil(count / across), 1]
}

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
