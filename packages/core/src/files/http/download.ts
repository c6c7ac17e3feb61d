import { SourceError } from '../../base/errors'
import { describeUrl } from './redirects'
import { type Answer, type HttpOptions, type HttpRequest, send, sendOnce, statusError } from './request'
import { Transient, waitToRetry } from './retry'

export interface Download {
  readonly answer: Answer
  /** From `answer.start` on; a connection that breaks off is taken up again where it broke. */
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface DownloadOptions extends HttpOptions {
  /** The whole is checked against a hash afterwards, so that parts of two files cannot pass for one. */
  checked?: boolean
  /** The whole file's size, where it is known from elsewhere. */
  size?: number
}

/**
 * Opens a file, or a range of it. A server that answers a range with the whole file is heard out: see `answer.start`
 * and `answer.status`. Of other statuses than 200 and 206 the answer's body is of no use, and stopped.
 */
export async function download(request: HttpRequest, options: DownloadOptions): Promise<Download> {
  let answer = await send(request, options)
  // 416 is right for a range behind the file's end. A server that says it of another cannot do ranges.
  if (answer.status === 416 && request.range) {
    await answer.stop()
    if (answer.size === undefined || request.range[0] < answer.size) answer = await send({ url: request.url }, options)
  }
  if (!answer.isOk) await answer.stop()
  return { answer, chunks: resumed(request, answer, options) }
}

/** Bytes after which a connection that breaks off again has not failed in a row: one that brings ten at a time has. */
const WORTHWHILE = 65_536

async function* resumed(request: HttpRequest, first: Answer, options: DownloadOptions): AsyncGenerator<Uint8Array> {
  const { validator, end = options.size } = first
  const resumable = !first.encoded && (validator ?? first.size ?? options.size) !== undefined
  let answer: Answer | undefined = first
  let at = first.start
  let skip = 0
  let failures = 0
  let broke = at
  for (;;) {
    try {
      if (!answer) {
        answer = await again({ ...request, range: [at, end], validator }, first, options)
        skip = at - answer.start
      }
      for await (const chunk of answer.body()) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length))
        skip -= chunk.length - fresh.length
        if (fresh.length === 0) continue
        at += fresh.length
        if (at - broke >= WORTHWHILE) failures = 0
        yield fresh
      }
      if (end === undefined || at >= end) return
      throw new Transient(
        new SourceError('fetch-failed', `${describeUrl(request.url)} broke off at byte ${at} of ${end}. Try again.`),
      )
    } catch (error) {
      answer = undefined
      broke = at
      if (!resumable && error instanceof Transient) throw error.error
      await waitToRetry(error, failures, options)
      failures += 1
    }
  }
}

/** The rest of a file from where it broke off, or all of it once more. @throws SourceError where it is another file */
async function again(request: HttpRequest, first: Answer, options: DownloadOptions): Promise<Answer> {
  const answer = await sendOnce(request, options)
  const [start] = request.range ?? [0]
  if (!answer.isOk) {
    await answer.stop()
    throw statusError(request.url, answer, `It had sent the file up to byte ${start} before. Load it again.`)
  }
  const whole = answer.status === 200 && !answer.encoded
  const same =
    (answer.validator === first.validator || options.checked) &&
    (first.size === undefined || answer.size === undefined || answer.size === first.size)
  if (same && (whole || (answer.status === 206 && answer.start === start))) return answer
  await answer.stop()
  throw new SourceError(
    'file-changed',
    `${describeUrl(request.url)} became another file while it was fetched, at byte ${start}: the rest does not belong ` +
      'to what has come. Load it again.',
  )
}

/** A download's bytes in one piece. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const list: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    list.push(chunk)
    length += chunk.length
  }
  if (list.length === 1) return list[0] as Uint8Array
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of list) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
