import { expect, it } from 'vitest'
import { trainInPage } from '../browser/training-in-page'
import { STEPS } from '../src/small-training'
import { record } from './record'

it("trains fifty steps on onnxruntime-web's WebGPU as Node does; a reload goes on", async () => {
  const difference = await trainInPage('webgpu')
  await record('training-webgpu', {
    what: 'largest difference of a loss from Node: onnxruntime-web, WebGPU on SwiftShader, a reload on the way',
    steps: STEPS,
    difference,
  })
  expect(difference).toBeLessThan(1e-4)
})
