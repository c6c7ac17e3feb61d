import { OptionError } from '@dual-encoder/core'
import { checkOptions, describe } from '@dual-encoder/core/backend'

const KINDS = ['cosine', 'constant', 'rsqrt'] as const

export interface ScheduleOptions {
  /** After the warm-up: half a cosine down to `end`, no change, or falling as 1/sqrt(step). Default: 'cosine'. */
  kind?: (typeof KINDS)[number]
  /** Steps over which the rate rises in a line, or a share of all steps where below 1. Default: 0. */
  warmup?: number
  /** Last steps over which it falls in a line to `end` (constant and rsqrt); a share where below 1. Default: 0. */
  cooldown?: number
  /** What it ends at, as a factor of the highest rate. Default: 0. */
  end?: number
  /** rsqrt: the steps after the warm-up in which the rate falls to 1/sqrt(2). Default: 10,000. */
  timescale?: number
}

/** The factor of the learning rate at a step, counted from 0. */
export type Schedule = (step: number) => number

/**
 * The first step has 1/warmup of the rate, step `warmup` all of it (open_clip's counting); the last step of a cosine
 * lies just above `end`.
 * @param steps all steps of the run
 */
export function scheduleOf(steps: number, options: ScheduleOptions = {}): Schedule {
  checkOptions(options, ['kind', 'warmup', 'cooldown', 'end', 'timescale'], 'schedule')
  const { kind = 'cosine', end = 0, timescale = 10_000 } = options
  if (!Number.isInteger(steps) || steps < 0)
    throw new OptionError('bad-schedule', `schedule: steps is ${describe(steps)}. Give the number of steps of the run.`)
  if (!KINDS.includes(kind))
    throw new OptionError('bad-schedule', `schedule: kind is ${describe(kind)}. Should be one of: ${KINDS.join(', ')}.`)
  if (typeof timescale !== 'number' || typeof end !== 'number' || !(timescale > 0) || !(end >= 0 && end <= 1))
    throw new OptionError('bad-schedule', `schedule: end in [0, 1] and a positive timescale are needed.`)
  const warmup = stepsOf('warmup', options.warmup ?? 0, steps)
  const cooldown = stepsOf('cooldown', options.cooldown ?? 0, steps)
  if (warmup + cooldown > steps)
    throw new OptionError(
      'bad-schedule',
      `schedule: ${warmup} steps of warm-up and ${cooldown} of cool-down do not fit into ${steps}.`,
    )
  const after = (step: number): number => {
    if (kind === 'constant') return 1
    if (kind === 'rsqrt') return 1 / Math.sqrt(1 + step / timescale)
    return end + ((1 - end) * (1 + Math.cos((Math.PI * step) / Math.max(1, steps - warmup)))) / 2
  }
  return (step) => {
    const at = Math.min(step, steps)
    if (at < warmup) return (at + 1) / warmup
    const left = steps - at
    const factor = after(at - warmup)
    return kind === 'cosine' || left >= cooldown ? factor : end + (factor - end) * (left / cooldown)
  }
}

function stepsOf(name: string, value: number, steps: number): number {
  const count = typeof value === 'number' && value < 1 ? Math.round(value * steps) : value
  if (!Number.isInteger(count) || count < 0)
    throw new OptionError(
      'bad-schedule',
      `schedule: ${name} is ${describe(value)}; a number of steps, or a share below 1.`,
    )
  return count
}
