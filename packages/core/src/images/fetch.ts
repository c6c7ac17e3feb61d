import { ImageError, OptionError, SourceError } from '../base/errors'
import { collect, download } from '../files/http/download'
import { describeUrl } from '../files/http/redirects'
import { statusError, type HttpOptions } from '../files/http/request'
import { shortened } from './shortened'

/** Longer files are no pictures that fit below the limit of pixels. */
const DEFAULT_MAX_BYTES = 2 ** 28

export interface FetchOptions extends HttpOptions {
  /** Refuse files of more bytes, before they are fetched where the server tells. Default: 268,435,456 (256 MiB). */
  maxBytes?: number
}

/**
 * The bytes of a picture at a URL; servers that are busy are asked again, connections that break off are taken up.
 * @throws SourceError `image-fetch`
 * @throws ImageError `image-too-large` for more than `maxBytes`, of which no more are fetched
 */
export async function fetchPicture(location: string, options: FetchOptions): Promise<Uint8Array> {
  const limit = byteLimit(options.maxBytes)
  if (!URL.canParse(location)) throw new SourceError('image-fetch', `"${shortened(location)}" is no URL.`)
  const url = new URL(location)
  const where = shortened(describeUrl(url))
  const tooLarge = (size: string) =>
    new ImageError(
      'image-too-large',
      `${where} has ${size} bytes, above the limit of ${limit}. Raise maxBytes if you trust it.`,
    )
  try {
    const { answer, chunks } = await download({ url }, options)
    if (answer.status !== 200)
      throw statusError(url, answer, 'Check the URL; what needs a login takes it from `headers`.')
    if (answer.isHtml || (answer.size ?? 0) > limit) await answer.stop()
    if (answer.isHtml) throw new SourceError('image-fetch', `${where} answered a web page instead of an image.`)
    if ((answer.size ?? 0) > limit) throw tooLarge(String(answer.size))
    return await collect(atMost(limit, chunks, () => tooLarge('more')))
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    throw new SourceError('image-fetch', error.message, { cause: error.cause })
  }
}

async function* atMost(
  limit: number,
  chunks: AsyncIterable<Uint8Array>,
  error: () => Error,
): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > limit) throw error()
    yield chunk
  }
}

function byteLimit(maxBytes = DEFAULT_MAX_BYTES): number {
  if (maxBytes > 0) return maxBytes
  throw new OptionError('image-limit', `maxBytes: got ${String(maxBytes)}. Give a number of bytes above 0.`)
}
