import { expect, it } from 'vitest'
import { tensor } from '../../base/tensor'
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
