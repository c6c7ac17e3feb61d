import * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend } from '../device/backend'
import { runKernel, spread } from './program'

export const ROWS = 'DualEncoderRows'

export interface RowsAttrs {
  /** The table's first row among those of the whole table. */
  readonly start: number
  readonly width: number
}

/**
 * Rows of a part of an embedding table: ids `[B, L]`, table `[rows, width]` float32 or int32 (each holding two
 * float16), before `[B, L, width]` -> `before` with the rows that this part has.
 */
export const rowsKernel =
  (backend: DeviceBackend): tf.KernelFunc =>
  ({ inputs, attrs }) => {
    const { ids, table, before } = inputs as unknown as {
      ids: tf.TensorInfo
      table: tf.TensorInfo
      before?: tf.TensorInfo
    }
    const { start, width } = attrs as unknown as RowsAttrs
    const half = table.dtype === 'int32'
    const shape = [...ids.shape, width]
    const value = half ? 'unpack2x16float(bitcast<u32>(table[place / 2]))[place % 2]' : 'table[place]'
    return runKernel(backend, {
      kernel: ROWS,
      variant: [half],
      inputs: [
        { name: 'ids', tensor: ids },
        { name: 'table', tensor: table },
        ...(before ? [{ name: 'before', tensor: before }] : []),
      ],
      shape,
      workgroup: [64, 1],
      groups: spread(Math.ceil(tf.util.sizeFromShape(shape) / 64)),
      uniforms: [
        { declare: 'start: i32', value: start },
        { declare: 'width: i32', value: width },
        { declare: 'count: i32', value: tf.util.sizeFromShape(shape) },
      ],
      code: `
        fn main() {
          let i = i32((workgroupId.y * numWorkgroups.x + workgroupId.x) * 64u + localId.x);
          if (i >= uniforms.count) { return; }
          let row = ids[i / uniforms.width] - uniforms.start;
          if (row >= 0 && row < uniforms.tableShape.x) {
            let place = row * uniforms.width + i % uniforms.width;
            result[i] = ${value};
          } else {
            result[i] = ${before ? 'before[i]' : '0.0'};
          }
        }`,
    })
  }
