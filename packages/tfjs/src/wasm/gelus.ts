import type { Activation } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { type Gated, gated, gatedGradient, isGated } from './gates'
import { floats, type WasmBackend } from './heap'

const FORWARD = 'DualEncoderGelu'
const BACKWARD = 'DualEncoderGeluGrad'

const forward: tf.KernelFunc = ({ inputs, attrs, backend: of }) => {
  const { x } = inputs as unknown as { x: tf.TensorInfo }
  const backend = of as WasmBackend
  const y = backend.makeOutput(x.shape, 'float32')
  gated((attrs as unknown as { name: Gated }).name, floats(backend, x), floats(backend, y))
  return y
}

const backward: tf.KernelFunc = ({ inputs, attrs, backend: of }) => {
  const { x, dy } = inputs as unknown as { x: tf.TensorInfo; dy: tf.TensorInfo }
  const backend = of as WasmBackend
  const dx = backend.makeOutput(x.shape, 'float32')
  const { name } = attrs as unknown as { name: Gated }
  gatedGradient(name, floats(backend, x), floats(backend, dy), floats(backend, dx))
  return dx
}

const run = (kernel: string, inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap): tf.Tensor =>
  tf.engine().runKernel(kernel, inputs, attrs)

export function registerGelus(): void {
  tf.registerKernel({ kernelName: FORWARD, backendName: 'wasm', kernelFunc: forward })
  tf.registerKernel({ kernelName: BACKWARD, backendName: 'wasm', kernelFunc: backward })
  tf.registerGradient({
    kernelName: FORWARD,
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attrs) => ({
      x: () => run(BACKWARD, { x: x as tf.Tensor, dy: dy as tf.Tensor }, attrs as unknown as tf.NamedAttrMap),
    }),
  })
}

/** The activation in one pass, differentiable; undefined where the current backend has no kernel for it. */
export function fusedActivation(x: tf.Tensor, name: Activation): tf.Tensor | undefined {
  if (!isGated(name) || x.dtype !== 'float32' || !tf.getKernel(FORWARD, tf.getBackend())) return undefined
  return run(FORWARD, { x }, { name })
}
