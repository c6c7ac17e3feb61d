import type { Metrics, MetricsWriter } from './metrics'

export interface ProgressOptions {
  /** All steps of the run. */
  steps: number
  /** Default: the terminal's stderr, and nothing where there is none. */
  write?: (text: string) => void
  /** Whether a line may be written over. Default: whether stderr is a terminal. */
  overwrite?: boolean
  /** Milliseconds between lines; 100 where they are written over, 10,000 elsewhere. */
  every?: number
  /** Milliseconds; for tests. */
  now?: () => number
}

const stderr = (globalThis as { process?: { stderr?: { write(text: string): void; isTTY?: boolean } } }).process?.stderr

/** A line about the run: `step 120/1000  loss 2.312  scale 14.3  812 examples/s  3:20 left`. */
export function progressLine(options: ProgressOptions): MetricsWriter {
  const {
    steps,
    write = (text) => void stderr?.write(text),
    overwrite = stderr?.isTTY ?? false,
    now = Date.now,
  } = options
  const every = options.every ?? (overwrite ? 100 : 10_000)
  let first: { at: number; step: number } | undefined
  let shown = -Infinity
  return {
    write({ step, loss, logitScale, examplesPerSecond, ...others }: Metrics) {
      const at = now()
      // The first step of a process compiles and reads ahead: time is told from its end on.
      first ??= { at, step }
      const evaluation = Object.entries(others).filter(([name]) => /recall|accuracy/i.test(name))
      if (at - shown < every && step < steps && evaluation.length === 0) return
      shown = at
      const left = step > first.step ? ((at - first.at) / (step - first.step)) * (steps - step) : NaN
      const parts = [
        `step ${step}/${steps}`,
        ...(loss === undefined ? [] : [`loss ${loss.toPrecision(4)}`]),
        ...(logitScale === undefined ? [] : [`scale ${logitScale.toPrecision(3)}`]),
        ...evaluation.map(([name, value]) => `${name} ${value.toPrecision(3)}`),
        ...(examplesPerSecond === undefined ? [] : [`${examplesPerSecond.toPrecision(3)} examples/s`]),
        ...(Number.isFinite(left) && step < steps ? [`${clock(left)} left`] : []),
      ]
      const last = step >= steps || evaluation.length > 0
      write(overwrite ? `\r\u001B[2K${parts.join('  ')}${last ? '\n' : ''}` : `${parts.join('  ')}\n`)
    },
  }
}

/** Milliseconds as 3:20 or 1:03:20. */
function clock(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  const [h, m, s] = [Math.trunc(seconds / 3600), Math.trunc(seconds / 60) % 60, seconds % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
