import { platform } from '#platform'
import { SourceError } from '../../base/errors'

const MOST = 10
const REDIRECTS = [301, 302, 303, 307, 308]

export interface Followed {
  readonly response: Response
  /** The heads of all answers, first to last: a hub tells the size and hash of a file where it redirects. */
  readonly heads: readonly Headers[]
}

/** The same server, or the same by TLS. */
const isSame = (from: URL, to: URL): boolean =>
  from.origin === to.origin ||
  (from.hostname === to.hostname && from.protocol === 'http:' && to.protocol === 'https:' && !from.port && !to.port)

/** For messages: a query may hold a signature. */
export const describeUrl = ({ origin, pathname }: URL): string => origin + pathname

/**
 * Fetches and follows redirects; another host hears nothing of `secret`. Browsers do not let a page see where it is
 * sent, and leave `Authorization` out by themselves when that is another origin.
 */
export async function fetchFollowing(
  url: URL,
  {
    fetch,
    plain,
    secret,
    ...init
  }: RequestInit & {
    fetch: typeof globalThis.fetch
    plain: Readonly<Record<string, string>>
    secret: Readonly<Record<string, string>>
  },
): Promise<Followed> {
  if (platform.name === 'browser') {
    const response = await fetch(url, { ...init, headers: { ...secret, ...plain } })
    return { response, heads: [response.headers] }
  }
  const heads: Headers[] = []
  let at = url
  let trusted = true
  while (heads.length <= MOST) {
    const headers = trusted ? { ...secret, ...plain } : plain
    const response = await fetch(at, { ...init, headers, redirect: 'manual' })
    heads.push(response.headers)
    const location = REDIRECTS.includes(response.status) && response.headers.get('location')
    if (!location) return { response, heads }
    await response.body?.cancel()
    const next = URL.canParse(location, at) ? new URL(location, at) : undefined
    if (!next || !/^https?:$/.test(next.protocol))
      throw new SourceError(
        'bad-redirect',
        `${describeUrl(at)} redirects to "${location.slice(0, 100)}", which is no web address.`,
      )
    trusted &&= isSame(at, next)
    at = next
  }
  throw new SourceError('bad-redirect', `${describeUrl(url)} redirects more than ${MOST} times.`)
}
