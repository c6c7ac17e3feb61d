import type { TfBackend, TfjsOptions } from '../options'

/** What differs between Node and browsers. Chosen by package conditions: `#runtime`. */
export interface Runtime {
  /** In order of preference. */
  readonly preferred: readonly TfBackend[]
  /** Registers a backend's kernels and makes it ready to be started. @returns what to do when it has started */
  readonly load: Partial<Record<TfBackend, (options: TfjsOptions) => Promise<(() => void) | void>>>
}
