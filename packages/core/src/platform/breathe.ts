import { platform } from '#platform'
import type { Pieces } from '../base/pieces'

/** Milliseconds that work keeps the thread before timers, messages and aborts have their turn. */
const BREATH = 8

/** When the work that goes on got the thread. */
let since = 0
let queue = Promise.resolve()

const isLong = (most: number): boolean => performance.now() - since >= most
/** Lets everything that waits on this thread have its turn. */
export const turn = (): Promise<void> => platform.turn().then(() => void (since = performance.now()))

/**
 * Lets what waits on this thread have its turn, where work has gone on for a while. Of many that ask at once one goes on
 * in each turn: together they would keep the thread as long as without.
 */
export async function breathe(): Promise<void> {
  if (isLong(BREATH)) await (queue = queue.then(turn))
}

/** Does work that may pause, and pauses between its pieces once it had the thread for `most` milliseconds. */
async function pausing<R>(pieces: Pieces<R>, most: number, pause: () => Promise<void>): Promise<R> {
  for (;;) {
    const { done, value } = pieces.next()
    if (done) return value
    if (isLong(most)) await pause()
  }
}

/** Does work that may pause, with breaths between its pieces. */
export const breathing = <R>(pieces: Pieces<R>): Promise<R> => pausing(pieces, BREATH, breathe)

/** Milliseconds that work keeps the thread for which an engine stands still: whatever has its turn then delays that. */
const URGENT = 32

/** As `breathing`, with few pauses, and ahead of all who wait for a breath. */
export function breathingFirst<R>(pieces: Pieces<R>): Promise<R> {
  since = performance.now()
  return pausing(pieces, URGENT, turn)
}
