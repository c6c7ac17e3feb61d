import { expect, it } from 'vitest'
import { trainInPage } from '../browser/training-in-page'
import { STEPS } from '../src/small-training'
import { record } from './record'

it.each([
  ['training-webgpu', 'onnx-webgpu', 'onnxruntime-web'],
  ['training-own-webgpu', 'webgpu', '@dual-encoder/webgpu'],
] as const)('%s: fifty steps in Chromium as Node does; a reload goes on', async (name, engine, software) => {
  const difference = await trainInPage(engine)
  await record(name, {
    what: `largest difference of a loss from Node: ${software}, WebGPU on SwiftShader, a reload on the way`,
    steps: STEPS,
    difference,
  })
  expect(difference).toBeLessThan(1e-4)
})
