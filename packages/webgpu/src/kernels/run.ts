import type * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend, Program, Uniforms } from '../device/backend'
import type { Describe, Kernel } from './kernel'

const TYPES = { i32: 'int32', f32: 'float32' } as const

/** A kernel as TensorFlow.js compiles it. */
function programOf({
  name,
  variant,
  inputs,
  result,
  others = [],
  uniforms = [],
  workgroup,
  groups,
  code,
}: Kernel): Program {
  // Binding 0 is the result. Others are inputs under names that no code reads, bound once more to be written.
  const written = others.map(
    (other, i) => `@group(0) @binding(${1 + inputs.length + i}) var<storage, read_write> ${other.name}: array<f32>;`,
  )
  return {
    variableNames: [...inputs, ...others.map(({ name }) => ({ name: `${name}Unread` }))].map(({ name }) => name),
    variableComponents: [...inputs.map(({ width = 1 }) => width), ...others.map(() => 1)],
    outputShape: [...(result.view ?? result.shape)],
    outputComponent: result.width ?? 1,
    workgroupSize: [...workgroup, 1],
    dispatch: [...groups],
    // Two axes, which leaves the indices to the code.
    dispatchLayout: { x: [0], y: [1] },
    uniforms: uniforms.map(({ name, type }) => `${name}: ${type},`).join(' '),
    shaderKey: [name, ...variant].join('_'),
    getUserCode: () => [...written, code].join('\n'),
  }
}

/** Compiles and runs what a kernel describes: the only place that does. */
export const kernelFunc =
  (describe: Describe<never, never>, backend: DeviceBackend): tf.KernelFunc =>
  ({ inputs, attrs }) => {
    const kernel = describe(inputs as never, attrs as never)
    const { name, result, others = [], uniforms = [] } = kernel
    const made = others.map(({ shape }) => backend.makeTensorInfo([...shape], 'float32'))
    const read = kernel.inputs.map(({ name, shape, dtype }) => ({
      dataId: (inputs[name] as tf.TensorInfo).dataId,
      dtype,
      shape: [...shape],
    }))
    const values: Uniforms = uniforms.map(({ type, value }) => ({ type: TYPES[type], data: [value] }))
    const output = backend.runKernel(name, programOf(kernel), [...read, ...made], result.dtype ?? 'float32', values)
    const first = { ...output, shape: [...result.shape] }
    return made.length === 0 ? first : [first, ...made]
  }
