import type { Terminal } from './terminal'

/** Milliseconds between lines: where they are written over, and elsewhere. */
const EVERY = { interactive: 100, plain: 10_000 }
const WIDTH = 24

/** A line about work that has a number of parts: `embed  [#####---]  120/702  31.2/s  0:19 left`. */
export class Progress {
  readonly #terminal: Pick<Terminal, 'err' | 'interactive'>
  readonly #title: string
  readonly #now: () => number
  readonly #started: number
  #shown: number
  /** Parts that were done before, in which no time was spent. */
  #before: number | undefined
  #open = false

  constructor(terminal: Pick<Terminal, 'err' | 'interactive'>, title: string, now: () => number = Date.now) {
    this.#terminal = terminal
    this.#title = title
    this.#now = now
    this.#started = now()
    // A pipe hears nothing of what is over at once.
    this.#shown = terminal.interactive ? -Infinity : now()
  }

  /** @param total undefined where nobody knows @param before parts of `done` that an earlier run did */
  update(done: number, total: number | undefined, before = 0): void {
    const { interactive, err } = this.#terminal
    this.#before ??= before
    const now = this.#now()
    if (now - this.#shown < EVERY[interactive ? 'interactive' : 'plain']) return
    this.#shown = now
    const rate = (1000 * (done - this.#before)) / Math.max(1, now - this.#started)
    const left = total !== undefined && rate > 0 ? (total - done) / rate : undefined
    const parts = [
      this.#title,
      ...(total && interactive ? [bar(done / total)] : []),
      `${amount(done)}${total === undefined ? '' : `/${amount(total)}`}`,
      ...(rate > 0 ? [`${amount(rate)}/s`] : []),
      ...(left === undefined ? [] : [`${clock(left)} left`]),
    ]
    err(interactive ? `\r\u001B[2K${parts.join('  ')}` : `${parts.join('  ')}\n`)
    this.#open = interactive
  }

  /** Leaves the terminal to others. */
  end(): void {
    if (this.#open) this.#terminal.err('\r\u001B[2K')
    this.#open = false
  }
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * WIDTH)
  return `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}]`
}

/** 702, 12.3, 4.5M */
export function amount(value: number): string {
  const [factor, unit] = (
    [
      [1e9, 'G'],
      [1e6, 'M'],
      [1e4, 'k'],
    ] as const
  ).find(([least]) => value >= least) ?? [1, '']
  const scaled = unit === 'k' ? value / 1000 : value / factor
  return `${Number.isInteger(scaled) ? scaled : scaled.toFixed(scaled < 100 ? 1 : 0)}${unit}`
}

/** Seconds as 3:20 or 1:03:20. */
export function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  const two = (value: number) => String(value).padStart(2, '0')
  const [h, m, s] = [Math.trunc(whole / 3600), Math.trunc(whole / 60) % 60, whole % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
