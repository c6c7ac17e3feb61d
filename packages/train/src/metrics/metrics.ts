/** What a step, or an evaluation after it, is known by. Names and finite numbers; `step` counts from 1. */
export interface Metrics {
  readonly step: number
  readonly [name: string]: number
}

/** Takes what a run measures. */
export interface MetricsWriter {
  write(metrics: Metrics): void | Promise<void>
  /** Writes what is held back. */
  close?(): void | Promise<void>
}
