import { expect, it } from 'vitest'
import { tensor } from '../../base/tensor'
import { dinov2 } from '../../towers/vision/dinov2'
import { Dinov2Config } from '../../towers/vision/dinov2.config'
import type { StorageType, WeightEntry } from '../../weights/entry'
import { asFlaxComputes } from './as-flax-computes'

/** What jax 0.4.13 makes of `jnp.exp(jnp.asarray(scale, dtype))`. */
it.each<[StorageType, number, number]>([
  ['BF16', 2.65625, 14.25],
  ['BF16', 4.59375, 99],
  ['BF16', 3.296875, 27],
  ['BF16', 0.5, 1.6484375],
  ['F16', 2.66015625, 14.296875],
  ['F16', 3.302734375, 27.1875],
  ['F32', 2.65625, Math.exp(2.65625)],
])('of a logit_scale in %s, %d, the exponential is %d', async (storage, scale, expected) => {
  const read = () => Promise.resolve(tensor(Float32Array.of(scale), []))
  const entry: WeightEntry = { name: 'logit_scale', shape: [], storage, read }
  const weights = new Map([['logit_scale', entry]])
  asFlaxComputes(weights, [], true)
  const { data } = await weights.get('logit_scale')!.read()
  expect(Math.abs(Math.exp(Number(data[0])) - expected) / expected).toBeLessThan(3e-7)
})

/** What jax 0.4.13 makes of `factor * lambda * factor`. */
it.each<[StorageType, number, number[]]>([
  ['BF16', 0.7, [0.48828125, 0.439453125, 0.515625]],
  ['BF16', 0.1, [0.010009765625, 0.00897216796875, 0.01055908203125]],
  ['F16', 0.7, [0.490234375, 0.4404296875, 0.51708984375]],
  ['F16', 0.1, [0.0099945068359375, 0.00897979736328125, 0.0105438232421875]],
  ['F32', 0.7, [0.4899999797344208, 0.44023436307907104, 0.516796886920929]],
])('of a layer scale in %s, the product with %d is rounded as its own type', async (storage, factor, expected) => {
  const name = 'encoder.layer.0.layer_scale1.lambda1'
  const read = () => Promise.resolve(tensor(Float32Array.of(1, 0.8984375, 1.0546875), [3]))
  const weights = new Map<string, WeightEntry>([[name, { name, shape: [3], storage, read }]])
  const config: Dinov2Config = new Dinov2Config({ layerscaleValue: factor })
  asFlaxComputes(weights, [{ encoder: { kind: 'vision', tower: dinov2, config }, prefix: '' }], false)
  expect([...(await weights.get(name)!.read()).data]).toEqual(expected)
})
