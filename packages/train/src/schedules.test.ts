import { describe, expect, it } from 'vitest'
import { scheduleOf } from './schedules'

const run = (steps: number, options: Parameters<typeof scheduleOf>[1]) =>
  Array.from({ length: steps }, (_, step) => Number(scheduleOf(steps, options)(step).toFixed(6)))

describe('schedules', () => {
  it('warms up and falls along a cosine', () => {
    // cos(pi k / 4): 1, 0.707107, 0, -0.707107
    expect(run(6, { warmup: 2 })).toEqual([0.5, 1, 1, 0.853553, 0.5, 0.146447])
    expect(run(6, { warmup: 2, end: 0.5 })).toEqual([0.5, 1, 1, 0.926777, 0.75, 0.573223])
  })

  it('takes shares of the run', () => {
    expect(run(10, { warmup: 0.2 })).toEqual(run(10, { warmup: 2 }))
  })

  it('stays constant, and cools down', () => {
    expect(run(6, { kind: 'constant', warmup: 2 })).toEqual([0.5, 1, 1, 1, 1, 1])
    expect(run(6, { kind: 'constant', cooldown: 4 })).toEqual([1, 1, 1, 0.75, 0.5, 0.25])
  })

  it('falls as 1/sqrt', () => {
    expect(run(5, { kind: 'rsqrt', warmup: 1, timescale: 1 })).toEqual([1, 1, 0.707107, 0.57735, 0.5])
  })

  it('does not rise again after the run', () => {
    expect(scheduleOf(4)(9)).toBe(0)
  })

  it.each([
    [{ kind: 'step' as 'cosine' }, /"step".*cosine, constant, rsqrt/],
    [{ warmup: 1.5 }, /warmup is 1.5/],
    [{ warmup: 3, cooldown: 3 }, /do not fit into 4/],
    [{ warmUp: 3 } as object, /unknown option "warmUp"/],
    [{ end: 2 }, /end in \[0, 1\]/],
    [{ kind: { toString: 1 } as unknown as 'cosine' }, /kind is an object/],
    [{ warmup: { valueOf: 1 } as unknown as number }, /warmup is an object/],
  ])('refuses %j', (options, message) => {
    expect(() => scheduleOf(4, options)).toThrow(message)
  })

  it('refuses steps that are no number', () => {
    expect(() => scheduleOf({ toString: 1 } as unknown as number)).toThrow(/steps is an object/)
  })
})
