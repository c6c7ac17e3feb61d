import { BackendError, OptionError } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import type { TfBackend, TfjsOptions } from '../options'

/** A backend that is ready to be started. */
export interface Loaded {
  /** To be called when it has started, or could not be: what was changed for it is as before. */
  restore(): void
  /** Of one that has started. Throws where it is not as was asked. */
  started(): void
  /** Its threads end, and its memory is given back, with the last model on it. */
  readonly endsIdle?: boolean
}

/** What differs between Node and browsers. Chosen by package conditions: `#runtime`. */
export interface Runtime {
  /** In order of preference. */
  readonly preferred: readonly TfBackend[]
  /** Registers a backend's kernels and makes it ready to be started. */
  readonly load: Partial<Record<TfBackend, (options: TfjsOptions) => Promise<Loaded | void>>>
}

/** The engine makes a pool of so many workers. */
const MOST_THREADS = 8

/** How many threads to start: `available` ones unless others are asked for. */
export function threadsFor(asked: number | undefined, available: number): number {
  if (asked === undefined) return Math.min(available, MOST_THREADS)
  if (Number.isInteger(asked) && asked >= 1 && asked <= MOST_THREADS) return asked
  throw new OptionError('bad-threads', `threads is ${asked}; a whole number from 1 to ${MOST_THREADS} is needed.`)
}

/** What is to follow a start: the engine has made a pool of workers, and keeps those it does not need. */
export function checkThreads(asked: number | undefined, started: number): void {
  const { wasm } = tf.findBackend('wasm') as unknown as {
    wasm: { PThread?: { unusedWorkers: { terminate(): unknown }[] } }
  }
  for (const worker of wasm.PThread?.unusedWorkers.splice(0) ?? []) worker.terminate()
  if (asked !== undefined && started !== asked)
    throw new BackendError('no-threads', `wasm started ${started} threads of the ${asked} asked for.`)
}
