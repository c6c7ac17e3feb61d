import type { Pieces } from '../base/pieces'
import { scramble } from '../base/random'
import { sizeOf, type Tensor, tensor } from '../base/tensor'
import type { Init, Param } from './ops'

/** FNV-1a: one stream of numbers for each weight, whatever the order they are drawn in. */
function hash(text: string, seed: number): number {
  let value = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0
  return value
}

/** SplitMix, 32 bits: uniform in (0, 1). */
function uniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    return (scramble(state) + 0.5) / 0x100000000
  }
}

/** Values that are drawn before work may pause. */
const PIECE = 2 ** 16

function* fill(data: Float32Array, init: Init, seed: number): Pieces<void> {
  if (init.kind === 'ones') data.fill(1)
  if (init.kind === 'constant') data.fill(init.value)
  if (init.kind === 'values') data.set(init.values())
  if (init.kind !== 'normal' && init.kind !== 'uniform' && init.kind !== 'truncated') return
  const next = uniform(seed)
  if (init.kind === 'uniform') {
    const bound = init.std * Math.sqrt(3)
    for (let i = 0; i < data.length; i++) {
      data[i] = bound * (2 * next() - 1)
      if (i % PIECE === 0) yield
    }
    return
  }
  const bound = init.kind === 'truncated' ? init.cutoff * init.std : Infinity
  for (let i = 0; i < data.length;) {
    // Box-Muller
    const radius = init.std * Math.sqrt(-2 * Math.log(next()))
    const angle = 2 * Math.PI * next()
    for (const value of [radius * Math.cos(angle), radius * Math.sin(angle)])
      if (Math.abs(value) <= bound && i < data.length) data[i++] = value
    if (i % PIECE < 2) yield
  }
}

/** Values of a new weight: the same for the same name and seed. */
export function* drawing(param: Param, seed: number): Pieces<Tensor<'float32'>> {
  const data = new Float32Array(sizeOf(param.shape))
  yield* fill(data, param.init, hash(param.name, seed))
  const { init, shape } = param
  if (init.kind === 'normal' && init.zeroRow !== undefined) {
    const width = shape[1] ?? 1
    data.fill(0, init.zeroRow * width, (init.zeroRow + 1) * width)
  }
  return tensor(data, shape)
}
