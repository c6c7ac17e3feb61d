import type { SourceError } from '../../base/errors'

/** A request that may succeed when it is made again. */
export class Transient extends Error {
  /** What to throw when it was tried often enough. */
  readonly error: SourceError
  /** Milliseconds that the server asks to wait. */
  readonly after: number | undefined
  /** Whether the server had not answered at all, so that few tries are enough. */
  readonly unanswered: boolean

  constructor(error: SourceError, { after, unanswered = false }: { after?: number; unanswered?: boolean } = {}) {
    super(error.message)
    this.error = error
    this.after = after
    this.unanswered = unanswered
  }
}

export const RETRIES = 5
/** What is retried where no server answers: a wrong name or port should not take seconds to say so. */
const UNANSWERED_RETRIES = 2
/** A server that asks for more is left alone. */
const LONGEST_WAIT = 60_000
const FIRST_WAIT = 250

/** Status codes of a server that may answer later. */
export const isBusy = (status: number): boolean =>
  [408, 425, 429, 500, 502, 503, 504].includes(status) || (status >= 520 && status <= 529)

/** Milliseconds of `Retry-After`: seconds or a date. */
export function retryAfter(headers: Headers): number | undefined {
  const value = headers.get('retry-after')?.trim()
  if (!value) return undefined
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

/** @throws what `signal` says when it is aborted */
function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/**
 * Waits before the next try, longer each time, or as long as the server asks.
 * @param failures in a row so far
 * @throws the error itself where it cannot be helped or was tried often enough
 */
export async function waitToRetry(
  error: unknown,
  failures: number,
  { retries = RETRIES, signal }: { retries?: number; signal?: AbortSignal },
): Promise<void> {
  if (!(error instanceof Transient)) throw error
  const most = error.unanswered ? Math.min(retries, UNANSWERED_RETRIES) : retries
  if (failures >= most || (error.after ?? 0) > LONGEST_WAIT) throw error.error
  const delay = error.after ?? Math.min(8000, FIRST_WAIT * 2 ** failures) * (0.75 + Math.random() / 2)
  await wait(delay, signal)
}
