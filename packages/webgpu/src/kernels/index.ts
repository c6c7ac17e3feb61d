import * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend } from '../device/backend'
import {
  ACTIVATION,
  ACTIVATION_GRAD,
  activationGradients,
  activationGradKernel,
  activationKernel,
  softplusKernel,
} from './activations'
import { attentionGradients, attentionKernel, ATTENTIONS } from './attention'
import { FRAME, frameKernel } from './frame'
import { HALVE, halveKernel, WIDEN, widenKernel } from './halve'
import type { Describe } from './kernel'
import {
  ADD_LAYER_NORM,
  addLayerNormKernel,
  L2_NORMALIZE,
  l2NormalizeKernel,
  LAYER_NORM,
  layerNormKernel,
  normGradients,
} from './layer-norm'
import { LINEAR, linearGradient, linearKernel } from './linear'
import { PATCHES, patchesGradient, patchesKernel } from './patches'
import { ROWS, rowsKernel } from './rows'
import { kernelFunc } from './run'

/** Each by its name, among them one that takes the place of TensorFlow.js's. */
export const KERNELS: Readonly<Record<string, Describe<never, never>>> = {
  [ACTIVATION]: activationKernel,
  [ACTIVATION_GRAD]: activationGradKernel,
  [tf.Softplus]: softplusKernel,
  [LAYER_NORM]: layerNormKernel,
  [ADD_LAYER_NORM]: addLayerNormKernel,
  [L2_NORMALIZE]: l2NormalizeKernel,
  ...Object.fromEntries(ATTENTIONS.map((name) => [name, attentionKernel])),
  [FRAME]: frameKernel,
  [HALVE]: halveKernel,
  [WIDEN]: widenKernel,
  [LINEAR]: linearKernel,
  [PATCHES]: patchesKernel,
  [ROWS]: rowsKernel,
}

const GRADIENTS: readonly tf.GradConfig[] = [
  ...activationGradients,
  ...normGradients,
  ...attentionGradients,
  linearGradient,
  patchesGradient,
]

/** Registers the kernels under a backend's name, and their gradients. */
export function registerKernels(name: string, backend: DeviceBackend): void {
  for (const [kernelName, describe] of Object.entries(KERNELS)) {
    if (tf.getKernel(kernelName, name)) tf.unregisterKernel(kernelName, name)
    tf.registerKernel({ kernelName, backendName: name, kernelFunc: kernelFunc(describe, backend) })
  }
  for (const config of GRADIENTS) if (!tf.getGradient(config.kernelName)) tf.registerGradient(config)
}
