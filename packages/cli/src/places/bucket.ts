import { SourceError } from '@dual-encoder/core'
import { AwsClient } from 'aws4fetch'
import type { Place } from './place'

/** Seconds for which an address of an object is good. */
const GOOD = 86_400

export const isBucket = (place: string): boolean => /^s3:\/\//i.test(place)

/** What is below `s3://bucket/place`, reached as `AWS_*` of the environment say. */
export class Bucket implements Place {
  readonly #place: string
  readonly #client: AwsClient
  /** Of the bucket, ends with a slash. */
  readonly #url: string
  /** Ends with a slash, unless it is empty. */
  readonly #prefix: string

  constructor(place: string) {
    const [, bucket, path] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(place)!
    const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN, ...env } = process.env
    const { AWS_REGION: region = env.AWS_DEFAULT_REGION ?? 'us-east-1', AWS_ENDPOINT: endpoint } = env
    if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY)
      throw new SourceError(
        'no-storage',
        `${place} needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_REGION, AWS_ENDPOINT) in the environment.`,
      )
    this.#client = new AwsClient({
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
      ...{ region, service: 's3', retries: 3 },
    })
    this.#place = place
    this.#url = endpoint ? `${endpoint.replace(/\/$/, '')}/${bucket}/` : `https://${bucket}.s3.${region}.amazonaws.com/`
    this.#prefix = path!.replace(/(?<=[^/])$/, '/')
  }

  async names(): Promise<Set<string>> {
    const names = new Set<string>()
    for (let token: string | undefined = ''; token !== undefined;) {
      const query = new URLSearchParams({ 'list-type': '2', prefix: this.#prefix })
      if (token) query.set('continuation-token', token)
      const xml = await (await this.#fetch(`${this.#url}?${query}`)).text()
      for (const [, key] of xml.matchAll(/<Key>([^<]*)<\/Key>/g)) names.add(unescaped(key!).slice(this.#prefix.length))
      token = /<NextContinuationToken>([^<]*)</.exec(xml)?.[1]
      if (token !== undefined) token = unescaped(token)
    }
    return names
  }

  async read(name: string): Promise<string | undefined> {
    const response = await this.#fetch(this.#urlOf(name), {}, 404)
    return response.status === 404 ? undefined : response.text()
  }

  async write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#fetch(this.#urlOf(name), { method: 'PUT', body: bytes })
  }

  async once(name: string, text: string): Promise<string> {
    await this.#fetch(this.#urlOf(name), { method: 'PUT', body: text, headers: { 'if-none-match': '*' } }, 412)
    return (await this.read(name))!
  }

  /** Where anybody may read an object for a day. */
  async addressOf(name: string): Promise<string> {
    const url = new URL(this.#urlOf(name))
    url.searchParams.set('X-Amz-Expires', String(GOOD))
    return (await this.#client.sign(url, { aws: { signQuery: true } })).url
  }

  #urlOf(name: string): string {
    return this.#url + `${this.#prefix}${name}`.split('/').map(encodeURIComponent).join('/')
  }

  /** @param also a status that is no failure */
  async #fetch(url: string, init: RequestInit = {}, also?: number): Promise<Response> {
    const failed = (said: string, cause?: unknown) =>
      new SourceError('no-storage', `${this.#place} cannot be reached: ${said}. Look at AWS_* in the environment.`, {
        cause,
      })
    const response = await this.#client.fetch(url, init).catch((error: Error) => {
      throw failed((error.cause as Error | undefined)?.message ?? error.message, error)
    })
    if (!response.ok && response.status !== also)
      throw failed(
        `${response.status} ${/<Code>(.*?)<\/Code>/.exec(await response.text())?.[1] ?? response.statusText}`,
      )
    return response
  }
}

const NAMED = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }))
const unescaped = (xml: string): string =>
  xml.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (all: string, ten?: string, sixteen?: string, name?: string) =>
    name ? (NAMED.get(name) ?? all) : String.fromCodePoint(ten ? Number(ten) : parseInt(sixteen!, 16)),
  )

/** `s3://bucket/a/b.jpg` as an address that can be fetched; other places as they are. */
export async function addressOf(place: string): Promise<string> {
  if (!isBucket(place)) return place
  const cut = place.lastIndexOf('/')
  return new Bucket(place.slice(0, cut)).addressOf(place.slice(cut + 1))
}
