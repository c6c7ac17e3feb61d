import type { Optimizer, UpdateRule } from '@dual-encoder/core/training'
import { ema } from './optimizers/average'
import { clampLogitScale, clipScale, globalNorm } from './optimizers/gradients'
import type { TrainedParameter } from './rules/rules'

export interface UpdateOptions {
  readonly optimizer: Optimizer
  readonly trained: readonly TrainedParameter[]
  /** The longest that all gradients together may be; as long as they are unless given. */
  readonly clip?: number
  /** Whether a running mean of each parameter is kept. */
  readonly average?: boolean
}

/** The slot and the number of the running mean. */
export const AVERAGE = 'average'
export const AVERAGE_SHARE = 'averageShare'

/** A whole update, written once for every backend: gradients clipped, the optimizer, `logit_scale` kept in bounds, means. */
export function updateRule({ optimizer, trained, clip, average = false }: UpdateOptions): UpdateRule {
  const settings = new Map(trained.map((parameter) => [parameter.name, parameter]))
  return {
    slots: [...optimizer.slots, ...(average ? [AVERAGE] : [])],
    ...(average ? { likeParams: [AVERAGE] } : {}),
    numbers: [...Object.keys(optimizer.numbers(1, 1)), ...(average ? [AVERAGE_SHARE] : [])],
    clip(ops, grads) {
      const norm = globalNorm(ops, grads)
      return { norm, ...(clip !== undefined && { gradScale: clipScale(ops, norm, clip) }) }
    },
    update(ops, name, { param, grad, state }, numbers, gradScale) {
      const { factor, decay } = settings.get(name)!
      const next = optimizer.update(ops, { param, grad, gradScale, state, numbers, factor, decay })
      const bounded = name === 'logit_scale' ? clampLogitScale(ops, next.param) : next.param
      const mean = average ? { [AVERAGE]: ema(ops, state[AVERAGE]!, bounded, numbers[AVERAGE_SHARE]!) } : undefined
      return { param: bounded, state: { ...next.state, ...mean } }
    },
  }
}
