import { expect, it } from 'vitest'
import { trainInPage } from './training-in-page'

// On WebGPU: proof/training-webgpu.test.ts.
it("trains fifty steps on onnxruntime-web's wasm as Node does; a reload goes on", async () => {
  expect(await trainInPage('wasm')).toBeLessThan(1e-4)
})
