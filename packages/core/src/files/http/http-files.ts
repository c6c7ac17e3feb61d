import { platform } from '#platform'
import { SourceError } from '../../base/errors'
import type { Spooled } from '../../platform/platform'
import { checkName } from '../file-name'
import { beginsAsHtml } from '../stand-in'
import type { ByteRange, Source, SourceOptions } from '../types'
import { collect, download, type Download } from './download'
import { reported } from './progress'
import { describeUrl } from './redirects'
import { statusError } from './request'

const isHtmlName = (name: string): boolean => /\.html?$/i.test(name)

/** Files below a URL. A server that ignores `Range` is asked for each file once, which is kept out of memory. */
export class HttpFiles implements Source {
  readonly describe: string
  readonly #base: URL
  readonly #options: SourceOptions
  /** Whole files, from servers without ranges; undefined where one turned out to be a web page. */
  readonly #whole = new Map<string, Promise<Spooled | undefined>>()
  /** As told with a range; undefined where the server (or CORS) hides it. */
  readonly #sizes = new Map<string, number | undefined>()

  constructor(base: URL, options: SourceOptions) {
    this.#base = new URL(base)
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/'
    this.#options = options
    this.describe = describeUrl(base)
  }

  locate(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async read(name: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    checkName(name)
    const known = this.#whole.get(name)
    if (known) return part(await known, range)
    if (range && range[0] >= range[1]) return new Uint8Array()
    const opened = await this.#open(name, range)
    if (!opened) return undefined
    if (range && opened.answer.status === 200) return part(await this.#spool(name, opened), range)
    const bytes =
      opened.answer.status === 416 ? new Uint8Array() : await collect(reported(name, opened, this.#options.onProgress))
    // A server's error page may come with status 200 and no type.
    return (range?.[0] ?? 0) === 0 && !isHtmlName(name) && beginsAsHtml(bytes) ? undefined : bytes
  }

  async size(name: string): Promise<number | undefined> {
    checkName(name)
    if (!this.#sizes.has(name) && !this.#whole.has(name)) await this.read(name, [0, 1])
    return this.#sizes.get(name) ?? (await this.#whole.get(name))?.size
  }

  /** The server sent all of it: once, even when several ranges were asked for together. */
  #spool(name: string, opened: Download): Promise<Spooled | undefined> {
    const begun = this.#whole.get(name)
    if (begun) {
      void opened.answer.stop()
      return begun
    }
    const whole = this.#spooled(name, opened)
    this.#whole.set(name, whole)
    whole.catch(() => this.#whole.delete(name))
    return whole
  }

  async #spooled(name: string, opened: Download): Promise<Spooled | undefined> {
    const spooled = await platform.spool(reported(name, opened, this.#options.onProgress))
    return beginsAsHtml(await spooled.read(0, 64)) && !isHtmlName(name) ? undefined : spooled
  }

  #url(name: string): URL {
    const url = new URL(name.split('/').map(encodeURIComponent).join('/'), this.#base)
    url.search = this.#base.search
    return url
  }

  /** The file from `range` on, once the answer's head is found good; undefined for an absent file. */
  async #open(name: string, range: ByteRange | undefined): Promise<Download | undefined> {
    const url = this.#url(name)
    const opened = await download({ url, range }, this.#options)
    const { answer } = opened
    if (answer.status === 206 || answer.status === 416) this.#sizes.set(name, answer.size)
    // The range lies behind the file's end: there are no such bytes, but the file is there.
    if (answer.status === 416) return opened
    const html = answer.isHtml && !isHtmlName(name)
    if (answer.isOk && !html && (answer.status !== 206 || answer.start === range?.[0])) return opened
    await answer.stop()
    if (html || [404, 410].includes(answer.status)) return undefined
    if (answer.isOk)
      throw new SourceError(
        'wrong-range',
        `${describeUrl(url)} was asked for bytes from ${range?.[0]} and sent bytes from ${answer.start}.`,
      )
    throw statusError(
      url,
      answer,
      [401, 403, 407].includes(answer.status)
        ? 'What needs a login takes it from the option `headers`.'
        : 'Check the URL.',
    )
  }
}

const part = (file: Spooled | undefined, range: ByteRange = [0, Infinity]): Promise<Uint8Array | undefined> =>
  file ? file.read(range[0], Math.min(range[1], file.size)) : Promise.resolve(undefined)
