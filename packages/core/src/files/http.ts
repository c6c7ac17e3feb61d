import { SourceError } from '../base/errors'
import { checkName } from './file-name'
import type { ByteRange, Source, SourceOptions } from './types'

const isHtmlName = (name: string): boolean => /\.html?$/i.test(name)

/** Where a 206 answer begins, and how long the whole file is, as far as the server tells. */
function contentRange(response: Response): { start?: number; size?: number } {
  const [, start, size] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '') ?? []
  return {
    ...(start ? { start: Number(start) } : {}),
    ...(size && size !== '*' ? { size: Number(size) } : {}),
  }
}

/** Files below a URL. A server that ignores `Range` is asked for each file once, and the whole is kept. */
export class HttpFiles implements Source {
  readonly describe: string
  readonly #base: URL
  readonly #options: SourceOptions
  /** Whole files, from servers without ranges. */
  readonly #whole = new Map<string, Promise<Uint8Array | undefined>>()
  /** As told with a range; undefined where the server (or CORS) hides it. */
  readonly #sizes = new Map<string, number | undefined>()

  constructor(base: URL, options: SourceOptions) {
    this.#base = new URL(base)
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/'
    this.#options = options
    this.describe = `${base.origin}${base.pathname}`
  }

  locate(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async read(name: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    checkName(name)
    const known = this.#whole.get(name)
    if (known) return part(await known, range)
    if (range && range[0] >= range[1]) return new Uint8Array()
    const response = await this.#request(name, range)
    if (!response || !range || response.status === 206) return response && this.#body(name, response)
    // The server sent all of it: that is kept, and sent once even when several ranges were asked for together.
    const begun = this.#whole.get(name)
    if (begun) await response.body?.cancel()
    const whole = begun ?? this.#body(name, response)
    this.#whole.set(name, whole)
    whole.catch(() => this.#whole.delete(name))
    return part(await whole, range)
  }

  async size(name: string): Promise<number | undefined> {
    checkName(name)
    if (!this.#sizes.has(name) && !this.#whole.has(name)) await this.read(name, [0, 1])
    return this.#sizes.get(name) ?? (await this.#whole.get(name))?.length
  }

  #url(name: string): URL {
    const url = new URL(name.split('/').map(encodeURIComponent).join('/'), this.#base)
    url.search = this.#base.search
    return url
  }

  /** For messages: a query may hold a signature. */
  #describe(name: string): string {
    const { origin, pathname } = this.#url(name)
    return origin + pathname
  }

  /** The answer, once its head is found good; undefined for an absent file. */
  async #request(name: string, range: ByteRange | undefined): Promise<Response | undefined> {
    const { fetch = globalThis.fetch, headers, signal } = this.#options
    const asked = { ...headers, ...(range ? { Range: `bytes=${range[0]}-${range[1] - 1}` } : {}) }
    const response = await fetch(this.#url(name), { headers: asked, signal }).catch(this.#failed(name))
    const { start = range?.[0], size } = contentRange(response)
    if (response.status === 206) this.#sizes.set(name, size)
    const html = response.headers.get('content-type')?.startsWith('text/html') && !isHtmlName(name)
    if (response.ok && !html && (response.status !== 206 || start === range?.[0])) return response
    await response.body?.cancel()
    if (response.status === 416) {
      // The range lies behind the file's end: there are no such bytes, but the file is there.
      this.#sizes.set(name, size)
      return new Response(new Uint8Array(), { status: 206 })
    }
    if (html || [404, 410].includes(response.status)) return undefined
    if (response.ok)
      throw new SourceError(
        'wrong-range',
        `${this.#describe(name)} was asked for bytes from ${range?.[0]} and sent bytes from ${start}.`,
      )
    throw new SourceError(
      'http-status',
      `${this.#describe(name)} answered ${response.status} ${response.statusText}. ` +
        'Check the URL; what needs a login takes it from the option `headers`.',
    )
  }

  async #body(name: string, response: Response): Promise<Uint8Array | undefined> {
    const { onProgress } = this.#options
    // Of a compressed answer that is the length before it is unpacked; CORS may hide that it was compressed.
    const encoded = response.headers.has('content-encoding')
    const length = (!encoded && Number(response.headers.get('content-length'))) || undefined
    const chunks: Uint8Array[] = []
    let loaded = 0
    const reader = response.body?.getReader()
    while (reader) {
      const { done, value } = await reader.read().catch(this.#failed(name))
      if (done) break
      chunks.push(value)
      loaded += value.length
      onProgress?.({ file: name, loaded, total: length && loaded > length ? undefined : length })
    }
    const bytes = new Uint8Array(loaded)
    let at = 0
    for (const chunk of chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    // A server's error page may come with status 200 and no type.
    const html = /^\s*<(!doctype html|html)/i.test(new TextDecoder().decode(bytes.subarray(0, 64)))
    return html && !isHtmlName(name) ? undefined : bytes
  }

  readonly #failed =
    (name: string) =>
    (cause: unknown): never => {
      const { signal } = this.#options
      if (signal?.aborted) throw signal.reason
      const message = `${this.#describe(name)} could not be fetched: ${(cause as Error).message}.`
      throw new SourceError('fetch-failed', message, { cause })
    }
}

const part = (bytes: Uint8Array | undefined, range: ByteRange | undefined): Uint8Array | undefined =>
  range ? bytes?.subarray(...range) : bytes
