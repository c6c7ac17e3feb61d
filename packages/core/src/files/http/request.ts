import { platform } from '#platform'
import { SourceError } from '../../base/errors'
import type { SourceOptions } from '../types'
import { describeUrl, fetchFollowing } from './redirects'
import { isBusy, RETRIES, retryAfter, Transient, waitToRetry } from './retry'
import { Watch } from './watch'

export type HttpOptions = Pick<SourceOptions, 'fetch' | 'headers' | 'signal' | 'retries' | 'timeout'>

export interface HttpRequest {
  readonly url: URL
  readonly method?: 'HEAD' | 'POST' | 'PUT'
  readonly body?: string | Blob
  /** Of the body. */
  readonly type?: string
  /** `[start, end)`, or all from `start` on. */
  readonly range?: readonly [start: number, end?: number]
  /** Only if it is still the same file: `If-Range`. */
  readonly validator?: string
}

const TIMEOUT = 30_000

/** The good head of an answer, and its body, which is read once or stopped. */
export class Answer {
  readonly status: number
  /** Of the file, the first byte that the body holds. */
  readonly start: number
  /** Of the file, the byte behind the body's last; undefined where the server does not tell. */
  readonly end: number | undefined
  /** The whole file's size, where told. */
  readonly size: number | undefined
  /** What says that two answers are parts of one file. */
  readonly validator: string | undefined
  readonly encoded: boolean
  readonly #response: Response
  readonly #heads: readonly Headers[]
  readonly #watch: Watch
  readonly #failed: (cause: unknown, watch: Watch) => Error

  constructor(
    response: Response,
    heads: readonly Headers[],
    watch: Watch,
    failed: (cause: unknown, watch: Watch) => Error,
  ) {
    this.#response = response
    this.#heads = heads
    this.#watch = watch
    this.#failed = failed
    const { headers, status } = response
    this.status = status
    const encoding = headers.get('content-encoding')
    this.encoded = encoding !== null && encoding !== 'identity'
    const [, from, to, all] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
    const length = (!this.encoded && Number(headers.get('content-length'))) || undefined
    this.start = status === 206 && from !== undefined ? Number(from) : 0
    this.end = status === 206 ? (to === undefined ? undefined : Number(to) + 1) : length
    this.size = all !== undefined && all !== '*' ? Number(all) : status === 200 ? length : undefined
    const etag = headers.get('etag')
    // A weak tag does not promise the same bytes.
    this.validator = (etag && !etag.startsWith('W/') ? etag : headers.get('last-modified')) ?? undefined
  }

  /** A header of the first of the redirects that has it. */
  header(name: string): string | undefined {
    for (const head of this.#heads) if (head.has(name)) return head.get(name) ?? undefined
    return undefined
  }

  /** Whether the browser followed a redirect to another host, so that only that host's headers are seen. */
  isFrom(url: URL): boolean {
    return !this.#response.redirected || new URL(this.#response.url).origin === url.origin
  }

  get statusText(): string {
    return this.#response.statusText
  }

  /** Whether it holds the file, or a part of it. */
  get isOk(): boolean {
    return this.status === 200 || this.status === 206
  }

  get isHtml(): boolean {
    return this.#response.headers.get('content-type')?.startsWith('text/html') ?? false
  }

  stop(): Promise<void> {
    this.#watch.end()
    void this.#response.body?.cancel().catch(() => undefined)
    return Promise.resolve()
  }

  /** @throws Transient where the connection breaks off or stalls */
  async *body(): AsyncGenerator<Uint8Array, void> {
    const reader = this.#response.body?.getReader()
    try {
      while (reader) {
        this.#watch.progress()
        const { done, value } = await this.#watch
          .before(() => reader.read())
          .catch((error: unknown) => {
            throw this.#failed(error, this.#watch)
          })
        this.#watch.pause()
        if (done) return
        yield value
      }
    } finally {
      this.#watch.end()
      // Where the reader was left before the end, the rest is not fetched. Node's may never say that it has stopped.
      void reader?.cancel().catch(() => undefined)
    }
  }
}

/** What is known of the system's names for a network that fails. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'No host of that name is found: check the name and the network',
  EAI_AGAIN: 'The name cannot be looked up: check the network',
  ECONNREFUSED: 'Nothing listens there',
  CERT_HAS_EXPIRED: 'Its certificate has expired',
}

/** A failed fetch or body as an error that may be retried; the caller's own reason where the caller has left. */
const failedAt =
  (url: URL, { signal, timeout = TIMEOUT }: HttpOptions, answered: () => boolean) =>
  (cause: unknown, watch: Watch): Error => {
    if (signal?.aborted) return signal.reason as Error
    if (cause instanceof SourceError) return cause
    const where = describeUrl(url)
    if (watch.stalled)
      return new Transient(
        new SourceError(
          'fetch-stalled',
          `${where}: the connection is open, and nothing came for ${timeout / 1000} s. Try again; ` +
            'the option `timeout` (milliseconds without a byte) allows slower servers.',
          { cause },
        ),
      )
    const { code, message: inner } = ((cause as Error).cause ?? {}) as { code?: string; message?: string }
    const advice = ADVICE[code ?? '']
    const said = [(cause as Error).message, inner].filter(Boolean).join(': ')
    return new Transient(
      new SourceError('fetch-failed', `${where} could not be fetched: ${said}.${advice ? ` ${advice}.` : ''}`, {
        cause,
      }),
      { unanswered: !answered() },
    )
  }

/**
 * The answer to a request, made again with growing pauses (or as `Retry-After` says) while the server is busy or the
 * network fails. Any status that is not retried is answered: the caller knows what it means.
 */
export async function send(request: HttpRequest, options: HttpOptions): Promise<Answer> {
  for (let failures = 0; ; failures++) {
    try {
      return await sendOnce(request, options, failures)
    } catch (error) {
      await waitToRetry(error, failures, options)
    }
  }
}

/** One try. @throws Transient for what may succeed later */
export async function sendOnce(request: HttpRequest, options: HttpOptions, failures = 0): Promise<Answer> {
  const { fetch = globalThis.fetch, headers: secret = {}, signal, timeout = TIMEOUT } = options
  const { url, method, body, type, range, validator } = request
  signal?.throwIfAborted()
  const watch = new Watch(signal, timeout)
  let answered = false
  const failed = failedAt(url, options, () => answered)
  const plain = {
    ...(type ? { 'Content-Type': type } : {}),
    ...(range ? { Range: `bytes=${range[0]}-${range[1] === undefined ? '' : range[1] - 1}` } : {}),
    // Sizes and ranges are the file's own, not a compressed answer's. Browsers set this themselves, and ask the
    // server's leave for headers such as If-Range: there the answer's own tag has to do.
    ...(platform.name === 'node'
      ? { 'Accept-Encoding': 'identity', ...(validator ? { 'If-Range': validator } : {}) }
      : {}),
  }
  try {
    const { response, heads } = await fetchFollowing(url, { fetch, plain, secret, method, body, signal: watch.signal })
    answered = true
    watch.pause()
    const answer = new Answer(response, heads, watch, failed)
    if (!isBusy(response.status)) return answer
    await answer.stop()
    const after = retryAfter(response.headers)
    throw new Transient(busyError(url, response, after, Math.min(failures, options.retries ?? RETRIES) + 1), { after })
  } catch (error) {
    watch.end()
    throw error instanceof Transient ? error : failed(error, watch)
  }
}

/** An answer that holds no file, in words. */
export const statusError = (
  url: URL,
  { status, statusText }: Answer,
  advice: string,
  code = 'http-status',
): SourceError =>
  new SourceError(code, `${describeUrl(url)} answered ${[status, statusText].filter(Boolean).join(' ')}. ${advice}`)

function busyError(url: URL, { status, statusText }: Response, after: number | undefined, tries: number): SourceError {
  const what =
    status === 429
      ? 'it has had too many requests from here'
      : 'the server fails or is overloaded; the request is sound'
  const when = after === undefined ? 'Try again later' : `It asks to try again in ${Math.ceil(after / 1000)} s`
  return new SourceError(
    'http-status',
    `${describeUrl(url)} answered ${[status, statusText].filter(Boolean).join(' ')}: ${what}. ` +
      `${tries === 1 ? 'It was tried once' : `It was tried ${tries} times`}. ${when}.`,
  )
}
