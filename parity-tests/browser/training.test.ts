import { expect, it } from 'vitest'
import { trainInPage } from './training-in-page'

// On WebGPU: proof/training-webgpu.test.ts.
it.each(['onnx-wasm', 'tfjs'] as const)(
  "%s: trains fifty steps in a page's worker as Node does; a reload goes on",
  async (engine) => {
    expect(await trainInPage(engine)).toBeLessThan(1e-4)
  },
)
