/**
 * What a graph may use: operators of the ONNX standard only; ONNX Runtime's own as well; those that are fast on its
 * processor providers, `cpu` and `wasm`, or exact there; or those that are right on its WebGPU provider, whose
 * attention takes no padding mask and (1.30, SwiftShader) gives other numbers.
 */
export type Kernels = 'standard' | 'contributed' | 'cpu' | 'wasm' | 'webgpu'

/** Whether they are those of a processor provider. */
export const onProcessor = (kernels: Kernels): boolean => kernels === 'cpu' || kernels === 'wasm'
