import * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend } from '../device/backend'
import { activationGradients, activationKernels } from './activations'
import { attentionGradients, attentionKernels } from './attention'
import { FRAME, frameKernel } from './frame'
import { HALVE, halveKernel, WIDEN, widenKernel } from './halve'
import { LINEAR, linearGradient, linearKernel } from './linear'
import { normGradientConfigs, normKernels } from './layer-norm'
import { PATCHES, patchesGradient, patchesKernel } from './patches'
import { ROWS, rowsKernel } from './rows'

const KERNELS: Readonly<Record<string, (backend: DeviceBackend) => tf.KernelFunc>> = {
  ...activationKernels,
  ...normKernels,
  ...attentionKernels,
  [FRAME]: frameKernel,
  [HALVE]: halveKernel,
  [WIDEN]: widenKernel,
  [LINEAR]: linearKernel,
  [PATCHES]: patchesKernel,
  [ROWS]: rowsKernel,
}

const GRADIENTS: readonly tf.GradConfig[] = [
  ...activationGradients,
  ...normGradientConfigs,
  ...attentionGradients,
  linearGradient,
  patchesGradient,
]

/** Registers the kernels (one takes the place of TensorFlow.js's) under a backend's name, and their gradients. */
export function registerKernels(name: string, backend: DeviceBackend): void {
  for (const [kernelName, kernel] of Object.entries(KERNELS)) {
    if (tf.getKernel(kernelName, name)) tf.unregisterKernel(kernelName, name)
    tf.registerKernel({ kernelName, backendName: name, kernelFunc: kernel(backend) })
  }
  for (const config of GRADIENTS) if (!tf.getGradient(config.kernelName)) tf.registerGradient(config)
}
