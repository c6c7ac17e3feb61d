import * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend } from '../device/backend'
import { runKernel, spread } from './program'

export const HALVE = 'DualEncoderHalve'
export const WIDEN = 'DualEncoderWiden'

/** x `[rows, columns]` float32, columns even -> `[rows, columns / 2]` int32, each holding two float16. */
export const halveKernel =
  (backend: DeviceBackend): tf.KernelFunc =>
  ({ inputs }) => {
    const x = inputs.x as tf.TensorInfo
    const [rows = 1, columns = 1] = x.shape
    const shape = [rows, columns / 2]
    const count = tf.util.sizeFromShape(shape)
    return runKernel(backend, {
      kernel: HALVE,
      variant: [],
      inputs: [{ name: 'x', tensor: x }],
      shape,
      dtype: 'int32',
      workgroup: [64, 1],
      groups: spread(Math.ceil(count / 64)),
      uniforms: [{ declare: 'count: i32', value: count }],
      code: `
        fn main() {
          let i = i32((workgroupId.y * numWorkgroups.x + workgroupId.x) * 64u + localId.x);
          if (i < uniforms.count) {
            result[i] = bitcast<i32>(pack2x16float(vec2<f32>(x[2 * i], x[2 * i + 1])));
          }
        }`,
    })
  }

/** The way back: x int32 `[..., columns / 2]` -> float32 `[..., columns]`. */
export const widenKernel =
  (backend: DeviceBackend): tf.KernelFunc =>
  ({ inputs }) => {
    const x = inputs.x as tf.TensorInfo
    const count = tf.util.sizeFromShape(x.shape)
    const result = runKernel(backend, {
      kernel: WIDEN,
      variant: [],
      inputs: [{ name: 'x', tensor: x, shape: [1, count] }],
      shape: [1, 2 * count],
      workgroup: [64, 1],
      groups: spread(Math.ceil(count / 64)),
      uniforms: [{ declare: 'count: i32', value: count }],
      code: `
        fn main() {
          let i = i32((workgroupId.y * numWorkgroups.x + workgroupId.x) * 64u + localId.x);
          if (i < uniforms.count) {
            let pair = unpack2x16float(bitcast<u32>(x[i]));
            result[2 * i] = pair.x;
            result[2 * i + 1] = pair.y;
          }
        }`,
    })
    return { ...result, shape: [...x.shape.slice(0, -1), 2 * (x.shape[x.shape.length - 1] ?? 1)] }
  }
