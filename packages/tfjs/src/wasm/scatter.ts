import { sizeOf } from '@dual-encoder/core/backend'
import type * as tf from '@tensorflow/tfjs-core'
import { floats, integers, type WasmBackend } from './heap'

/**
 * `UnsortedSegmentSum`, which the wasm backend has not: x `[n, ...]` added up by `segmentIds` `[n]` to
 * `[numSegments, ...]`, in one pass. The gradient of `gather`, as of an embedding table. Ids below 0 are left out.
 */
export const unsortedSegmentSum: tf.KernelFunc = ({ inputs, backend: of, attrs }) => {
  const { x, segmentIds } = inputs as unknown as { x: tf.TensorInfo; segmentIds: tf.TensorInfo }
  const { numSegments } = attrs as unknown as { numSegments: number }
  const backend = of as WasmBackend
  const view = x.dtype === 'int32' ? integers : floats
  const sums = backend.makeOutput([numSegments, ...x.shape.slice(1)], x.dtype)
  const [to, from, ids] = [view(backend, sums), view(backend, x), integers(backend, segmentIds)]
  const width = sizeOf(x.shape.slice(1))
  to.fill(0)
  for (let row = 0; row < ids.length; row++) {
    const [id, start] = [ids[row]!, row * width]
    if (id < 0 || id >= numSegments) continue
    const target = id * width
    for (let i = 0; i < width; i++) to[target + i]! += from[start + i]!
  }
  return sums
}
