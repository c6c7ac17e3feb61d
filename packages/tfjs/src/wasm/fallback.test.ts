import '@tensorflow/tfjs-backend-wasm'
import type { Warning } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import { expect, it, vi } from 'vitest'

async function fresh() {
  vi.resetModules()
  await tf.setBackend('wasm')
  return (await import('./index')).installWasmKernels
}

function stockStillWorks(): void {
  const y = tf.tidy(() => tf.matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.eye(2), true).dataSync())
  expect([...y]).toEqual([1, 3, 2, 4])
}

it('another version keeps its own kernels and warns once', async () => {
  const install = await fresh()
  const stock = tf.getKernel('BatchMatMul', 'wasm')
  const warnings: Warning[] = []
  const call = () => install((warning) => warnings.push(warning), '4.23.0')
  expect([call(), call()]).toEqual([false, false])
  expect(warnings).toEqual([expect.objectContaining({ code: 'slow-wasm-kernels' })])
  expect(warnings[0]?.message).toContain('its version is 4.23.0')
  expect(tf.getKernel('BatchMatMul', 'wasm')).toBe(stock)
  stockStillWorks()
})

it('a backend that lacks an internal keeps its own kernels', async () => {
  const install = await fresh()
  const stock = tf.getKernel('BatchMatMul', 'wasm')
  const backend = tf.backend() as tf.KernelBackend & { makeOutput?: unknown }
  const warnings: Warning[] = []
  Object.defineProperty(backend, 'makeOutput', { value: undefined, configurable: true })
  try {
    expect(install((warning) => warnings.push(warning))).toBe(false)
  } finally {
    delete backend.makeOutput
  }
  expect(warnings[0]?.message).toContain('no makeOutput')
  expect(tf.getKernel('BatchMatMul', 'wasm')).toBe(stock)
  stockStillWorks()
})

it('a backend whose products come out wrong gets its own kernel back', async () => {
  const install = await fresh()
  const stock = tf.getKernel('BatchMatMul', 'wasm')
  const { wasm } = tf.backend() as tf.KernelBackend & { wasm: { cwrap: unknown } }
  const { cwrap } = wasm
  // The function of that name has another meaning: it does nothing.
  wasm.cwrap = () => () => undefined
  const warnings: Warning[] = []
  try {
    expect(install((warning) => warnings.push(warning))).toBe(false)
  } finally {
    wasm.cwrap = cwrap
  }
  expect(warnings[0]?.message).toContain('come out wrong')
  expect(tf.getKernel('BatchMatMul', 'wasm')).toBe(stock)
  stockStillWorks()
})
