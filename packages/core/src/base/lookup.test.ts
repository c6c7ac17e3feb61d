import { expect, it } from 'vitest'
import { createImageProcessor } from '../images'
import { activationOf } from '../ops/activations'
import { ViTConfig } from '../towers/vision/vit.config'
import { openWeights } from '../weights/open'
import { openSource } from '../files/source'
import { writeSafetensors } from '../weights/safetensors/write'
import { lookup } from './lookup'
import { tensor } from './tensor'

const INHERITED = ['constructor', 'toString', '__proto__', 'hasOwnProperty']

it.each(INHERITED)('no table has an entry "%s"', async (name) => {
  expect(lookup({}, name)).toBeUndefined()
  expect(() => activationOf(name)).toThrow(expect.objectContaining({ code: 'unsupported-activation' }))
  expect(() => tensor([1], [1], name as never)).toThrow(expect.objectContaining({ code: 'tensor-dtype' }))
  expect(() => new ViTConfig(Object.fromEntries([[name, 1]]))).toThrow(
    expect.objectContaining({ code: 'unknown-config-value' }),
  )
  expect(() => createImageProcessor({}, { modelType: name })).toThrow(
    expect.objectContaining({ code: 'image-processor-unnamed' }),
  )
  const bytes = writeSafetensors(new Map([['a', tensor([1], [1])]]), { format: name })
  const source = await openSource([new File([bytes as Uint8Array<ArrayBuffer>], 'model.safetensors')])
  expect((await openWeights(source)).framework).toBe('pytorch')
})
