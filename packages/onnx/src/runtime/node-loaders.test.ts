import { expect, it, vi } from 'vitest'
import { runtime } from './node'

// tsx and others of its kind hand out what a CommonJS module exports without a `default` beside it.
vi.mock('onnxruntime-node', async (original) => {
  const { default: whole } = await original<{ default: object }>()
  return { ...whole, default: undefined }
})

it('finds ONNX Runtime under a loader that gives CommonJS no default', async () => {
  const { Tensor } = await runtime.load(['cpu'], {})
  expect(new Tensor('float32', [1, 2], [2]).dims).toEqual([2])
})
