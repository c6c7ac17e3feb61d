import { lookup } from 'node:dns/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { Refused } from './refused'

export interface FetchLimits {
  /** `host` or `host:port`; nothing of others is fetched. */
  readonly hosts: readonly string[]
  readonly maxBytes: number
  readonly timeout: number
  /** Default: the system's. */
  readonly resolve?: (host: string) => Promise<readonly { readonly address: string }[]>
  readonly isPublic?: (address: string) => boolean
}

/** Addresses that are nobody's on the internet: of this machine, of local networks, of clouds' own services. */
const PRIVATE = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4')
/** Of IPv6 the part that is given out; what stands for an IPv4 address in it is not taken either. */
const GLOBAL = new BlockList()
GLOBAL.addSubnet('2000::', 3, 'ipv6')
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv6')

/** Whether an address is of the public internet. */
export function isPublic(address: string): boolean {
  if (isIPv6(address)) return GLOBAL.check(address, 'ipv6') && !PRIVATE.check(address, 'ipv6')
  return isIP(address) === 4 && !PRIVATE.check(address, 'ipv4')
}

/**
 * A picture that a client names by URL. Its host is resolved once and that address is connected to, whatever the name
 * means a moment later; redirects are not followed.
 * @throws Refused for a host that is not allowed, an address that is not public, a file that is too large or does not come
 */
export async function fetchPicture(given: string, limits: FetchLimits): Promise<Uint8Array> {
  const url = URL.canParse(given) ? new URL(given) : undefined
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (!url || !isHttp || url.username || url.password || !limits.hosts.includes(url.host))
    throw new Refused(400, 'bad-host', `Pictures are fetched of ${limits.hosts.join(', ') || 'no hosts'} alone.`)
  const { resolve = (host: string) => lookup(host, { all: true, verbatim: true }), isPublic: allowed = isPublic } =
    limits
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const found = isIP(host) ? [{ address: host }] : await resolve(host).catch(() => [])
  const [first] = found
  if (!first) throw new Refused(400, 'not-fetched', `${url.host} is not found.`)
  // All of them: whoever mixes a private one in wants to reach it.
  if (!found.every(({ address }) => allowed(address)))
    throw new Refused(400, 'bad-host', `${url.host} is not on the public internet.`)
  return download(url, first.address, limits)
}

function download(url: URL, address: string, { maxBytes, timeout }: FetchLimits): Promise<Uint8Array> {
  const refuse = (why: string) => new Refused(400, 'not-fetched', `${url.host} ${why}`)
  return new Promise((done, fail) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(url, {
      agent: false,
      headers: { accept: 'image/*', 'user-agent': 'dual-encoder' },
      signal: AbortSignal.timeout(timeout),
      lookup: (_, { all }, answer) => {
        const family = isIPv6(address) ? 6 : 4
        if (all) answer(null, [{ address, family }])
        else answer(null, address, family)
      },
    })
    request.on('error', () => fail(refuse('did not answer in time, or ended the connection.')))
    request.on('response', (response) => {
      if (response.statusCode !== 200) {
        request.destroy()
        return fail(refuse(`answered ${response.statusCode}.`))
      }
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        if ((size += chunk.length) <= maxBytes) return
        request.destroy()
        fail(refuse(`sent more than ${maxBytes} bytes.`))
      })
      response.on('error', () => fail(refuse('ended the connection.')))
      response.on('end', () => done(new Uint8Array(Buffer.concat(chunks))))
    })
    request.end()
  })
}
