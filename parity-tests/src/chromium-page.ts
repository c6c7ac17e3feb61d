import { VisionTextDualEncoderModel } from '@dual-encoder/tfjs'

/** What `chromium.ts` calls. */
export const load = (folder: string, options: { backend: 'wasm' | 'webgl' }): Promise<VisionTextDualEncoderModel> =>
  VisionTextDualEncoderModel.fromPretrained(folder, { ...options, wasmPaths: '/wasm/' })

Object.assign(globalThis, { load })
