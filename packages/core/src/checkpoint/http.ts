import { SourceError } from '../errors'
import { type ByteRange, checkName, type Source, type SourceOptions } from './source'

/** Tells a web server's error page, sent with status 200, from a file. */
function isHtml(response: Response, name: string, bytes: Uint8Array): boolean {
  if (/\.html?$/i.test(name)) return false
  if (response.headers.get('content-type')?.startsWith('text/html')) return true
  return /^\s*<(!doctype html|html)/i.test(new TextDecoder().decode(bytes.subarray(0, 64)))
}

/** Files below a URL. A server that ignores `Range` is asked for each file once, and the whole is kept. */
export class HttpFiles implements Source {
  readonly describe: string
  readonly #base: URL
  readonly #options: SourceOptions
  /** Whole files, for servers without ranges. */
  readonly #whole = new Map<string, Promise<Uint8Array | undefined>>()

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
    if (known) {
      const bytes = await known
      return range ? bytes?.subarray(...range) : bytes
    }
    if (range && range[0] >= range[1]) return new Uint8Array()
    const response = await this.#request(name, range)
    if (!response) return undefined
    if (!range) return this.#body(name, response)
    if (response.status === 206) return this.#body(name, response)
    // The server sent all of it: keep that, so that it is sent once.
    const whole = this.#whole.get(name) ?? this.#body(name, response)
    this.#whole.set(name, whole)
    whole.catch(() => this.#whole.delete(name))
    return (await whole)?.subarray(...range)
  }

  async size(name: string): Promise<number | undefined> {
    checkName(name)
    const known = this.#whole.get(name)
    if (known) return (await known)?.length
    const response = await this.#request(name, [0, 1])
    if (!response) return undefined
    await response.body?.cancel()
    if (response.status === 206) return Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]) || undefined
    // Asked again as a range, the server's whole answer is kept.
    await this.read(name, [0, 1])
    return (await this.#whole.get(name))?.length
  }

  #url(name: string): URL {
    const url = new URL(name.split('/').map(encodeURIComponent).join('/'), this.#base)
    url.search = this.#base.search
    return url
  }

  async #request(name: string, range: ByteRange | undefined): Promise<Response | undefined> {
    const { fetch = globalThis.fetch, headers, signal } = this.#options
    const url = this.#url(name)
    const asked = { ...headers, ...(range ? { Range: `bytes=${range[0]}-${range[1] - 1}` } : {}) }
    const response = await fetch(url, { headers: asked, signal }).catch((cause: unknown) => {
      if (signal?.aborted) throw signal.reason
      throw new SourceError('fetch-failed', `${url.href} could not be fetched: ${(cause as Error).message}`, { cause })
    })
    if (response.ok) return response
    await response.body?.cancel()
    if ([404, 410].includes(response.status)) return undefined
    if (response.status === 416) return new Response(new Uint8Array(), { status: 206 })
    throw new SourceError('http-status', `${url.href} answered ${response.status} ${response.statusText}.`)
  }

  async #body(name: string, response: Response): Promise<Uint8Array | undefined> {
    const { onProgress } = this.#options
    const length = Number(response.headers.get('content-length')) || undefined
    const chunks: Uint8Array[] = []
    let loaded = 0
    const reader = response.body?.getReader()
    while (reader) {
      const { done, value } = await reader.read()
      if (done) break
      chunks.push(value)
      loaded += value.length
      onProgress?.({ file: name, loaded, total: length })
    }
    const bytes = new Uint8Array(loaded)
    let at = 0
    for (const chunk of chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    return isHtml(response, name, bytes) ? undefined : bytes
  }
}
