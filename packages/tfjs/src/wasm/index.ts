import type { WarningListener } from '@dual-encoder/core'
import { printWarning, type WeightEntry } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { registerGelus } from './gelus'
import { difference, allocateWeight, type WasmBackend } from './heap'
import { batchMatMul } from './matmul'
import { unsortedSegmentSum } from './scatter'

export { fusedActivation } from './gelus'
export { outOfMemory } from './heap'
export { keepPacked } from './matmul'

/** Whether the kernels are installed; undefined before the first call. */
let installed: boolean | undefined

/** [[1, 2], [3, 4]] times itself and its transpose, in a batch: through every internal the kernels use. */
function probe(): boolean {
  return tf.tidy(() => {
    const x = tf.tensor3d([1, 2, 3, 4, 1, 2, 3, 4], [2, 2, 2])
    const products = [tf.matMul(x, x), tf.matMul(x, x, false, true), tf.matMul(x, x, true, false)]
    const wanted = [
      [7, 10, 15, 22],
      [5, 11, 11, 25],
      [10, 14, 14, 20],
    ]
    return products.every((y, i) => [...y.dataSync()].every((value, at) => value === wanted[i]![at % 4]))
  })
}

function replaceMatMul(stock: tf.KernelConfig): string | undefined {
  tf.unregisterKernel(stock.kernelName, 'wasm')
  tf.registerKernel({ ...stock, kernelFunc: batchMatMul(stock.kernelFunc) })
  let problem: string | undefined
  try {
    if (!probe()) problem = 'its matrix products come out wrong'
  } catch (error) {
    problem = (error as Error).message
  }
  if (problem === undefined) return undefined
  tf.unregisterKernel(stock.kernelName, 'wasm')
  tf.registerKernel(stock)
  return problem
}

/**
 * Replaces the wasm backend's slow kernels and adds those it lacks. Call it when wasm has started and is current;
 * only the first call does anything. Where TensorFlow.js is not as it was when these were written, its own kernels
 * stay, and one warning says so (`slow-wasm-kernels`).
 * @returns whether the kernels are installed
 */
export function installWasmKernels(onWarning: WarningListener = printWarning, version = tf.version_core): boolean {
  if (installed !== undefined) return installed
  const stock = tf.getKernel('BatchMatMul', 'wasm')
  const problem =
    difference(tf.findBackend('wasm'), version) ?? (stock ? replaceMatMul(stock) : 'it has no kernel BatchMatMul')
  installed = problem === undefined
  if (problem !== undefined)
    onWarning({
      code: 'slow-wasm-kernels',
      message:
        `TensorFlow.js on wasm will be slow: the fast kernels do not fit it (${problem}). ` +
        'Install version 4.22.0 of @tensorflow/tfjs-core and @tensorflow/tfjs-backend-wasm.',
    })
  else {
    registerGelus()
    if (!tf.getKernel('UnsortedSegmentSum', 'wasm'))
      tf.registerKernel({ kernelName: 'UnsortedSegmentSum', backendName: 'wasm', kernelFunc: unsortedSegmentSum })
  }
  return installed
}

/** The tensor of a weight, allocated so that its packed copy can take its place (`keepPacked`). */
export function weightTensor({ shape }: WeightEntry, data: Float32Array): tf.Tensor {
  if (!installed || tf.getBackend() !== 'wasm' || shape.length < 2) return tf.tensor(data, shape as number[])
  const engine = tf.engine()
  return engine.makeTensorFromTensorInfo(allocateWeight(engine.backend as unknown as WasmBackend, data, shape))
}
