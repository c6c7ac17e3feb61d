import type { DualEncoderModel } from '@dual-encoder/core/backend'
import * as tfjs from '@dual-encoder/tfjs'
import * as webgpu from '@dual-encoder/webgpu'

export type PageBackend = 'wasm' | 'webgl' | 'webgpu'

/** What `chromium.ts` calls. */
export const load = (folder: string, backend: PageBackend): Promise<DualEncoderModel> =>
  backend === 'webgpu'
    ? webgpu.VisionTextDualEncoderModel.fromPretrained(folder)
    : tfjs.VisionTextDualEncoderModel.fromPretrained(folder, { backend, wasmPaths: '/wasm/' })

Object.assign(globalThis, { load })
