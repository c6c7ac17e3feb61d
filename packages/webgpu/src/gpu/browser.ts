import { BackendError } from '@dual-encoder/core/backend'
import type { Platform } from './gpu'

export const platform: Platform = {
  gpu() {
    const gpu = (globalThis.navigator as Navigator | undefined)?.gpu
    if (gpu) return Promise.resolve(gpu)
    return Promise.reject(
      new BackendError(
        'no-webgpu',
        'This browser has no WebGPU here: navigator.gpu is missing. It needs a secure page (https or localhost) and ' +
          'Chrome or Edge 113, Safari 26, Firefox 141 or later; in Chromium on Linux start with --enable-unsafe-webgpu. ' +
          'Or use @dual-encoder/tfjs or @dual-encoder/onnx.',
      ),
    )
  },
  noAdapter:
    'The browser has WebGPU but no GPU adapter for it: see chrome://gpu. Chromium has a software adapter behind ' +
    '--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader. Or use @dual-encoder/tfjs or @dual-encoder/onnx.',
}
