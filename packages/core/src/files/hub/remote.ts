import { platform } from '#platform'
import { SourceError } from '../../base/errors'
import { MemoMap } from '../../base/memo'
import { collect, download, type Download } from '../http/download'
import { describeUrl } from '../http/redirects'
import { type Answer, send } from '../http/request'
import type { SourceOptions } from '../types'
import { hubError, isAbsent } from './errors'
import { isPlain } from './names'
import type { FileInfo, HubSettings } from './store'

/** Milliseconds that a hub has to say what a revision is, where the cache could answer in its place; as in Python. */
const PATIENCE = 10_000

/** A file, or a range of it, as the hub answered. */
export interface RemoteFile extends Download {
  readonly info: FileInfo
}

/** A file in the API's listing of a folder. */
interface ListedFile {
  readonly path: string
  readonly size: number
  readonly oid: string
  readonly lfs?: { readonly oid: string }
}

function infoOf(answer: Answer): Partial<FileInfo> {
  const etag = answer.header('x-linked-etag') ?? answer.header('etag')
  const linked = answer.header('x-linked-size')
  return { etag: etag?.replace(/^W\//, '').replace(/^"|"$/g, ''), size: linked ? Number(linked) : answer.size }
}

/** One repository on the hub. */
export class HubRemote {
  readonly #name: string
  readonly #endpoint: URL
  readonly #options: SourceOptions
  readonly #folders = new MemoMap<string, readonly ListedFile[]>()

  constructor(name: string, { endpoint, token }: HubSettings, options: SourceOptions) {
    this.#name = name
    this.#endpoint = endpoint
    // All of them are left out where the hub redirects to another host.
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) }
    const { fetch = globalThis.fetch } = options
    // The browser's HTTP cache would keep every file a second time, and answer for a branch that has moved.
    const uncached: typeof fetch = (url, init) => fetch(url, { ...init, cache: 'no-store' })
    this.#options = { ...options, headers, ...(platform.name === 'browser' ? { fetch: uncached } : {}) }
  }

  #url(path: string, revision: string, name = ''): URL {
    const file = name.split('/').map(encodeURIComponent).join('/')
    return new URL(path + encodeURIComponent(revision) + (file && `/${file}`), this.#endpoint)
  }

  /**
   * The commit that a revision is now.
   * @param spare whether an older answer is at hand, so that a hub that does not answer is not waited for
   */
  async commit(revision: string, spare: boolean): Promise<string> {
    const { timeout = PATIENCE } = this.#options
    const options = spare ? { ...this.#options, retries: 0, timeout: Math.min(timeout, PATIENCE) } : this.#options
    const url = this.#url(`${this.#name}/resolve/`, revision, 'config.json')
    const answer = await send({ url, method: 'HEAD' }, options)
    await answer.stop()
    const said = answer.header('x-repo-commit') ?? (await this.#commitByApi(revision, url, answer, options))
    if (isPlain(said)) return said
    throw this.#notHub(url, `its commit is "${said.slice(0, 100)}"`)
  }

  /** Of hubs that do not tell it with a file, or tell it where CORS does not let us see it. */
  async #commitByApi(revision: string, asked: URL, first: Answer, options: SourceOptions): Promise<string> {
    if (!first.isOk && !isAbsent(first)) throw hubError(this.#name, revision, asked, first, options)
    const url = this.#url(`api/models/${this.#name}/revision/`, revision)
    const listing = await download({ url }, options)
    if (listing.answer.isOk) {
      const { sha } = (await this.#json(url, listing)) as { sha?: unknown }
      if (typeof sha === 'string') return sha
    } else if (!first.isOk || listing.answer.status !== 404)
      throw hubError(this.#name, revision, url, listing.answer, options)
    throw this.#notHub(asked, 'it tells no commit')
  }

  async #json(url: URL, { chunks }: Download): Promise<object> {
    const text = new TextDecoder().decode(await collect(chunks))
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      // Said below.
    }
    if (typeof value === 'object' && value !== null) return value
    throw this.#notHub(url, 'it sent something else than JSON')
  }

  /** Opens a file, or `[start, end)` of it; undefined where there is none of that name. */
  async open(commit: string, name: string, range?: readonly [number, number?]): Promise<RemoteFile | undefined> {
    const url = this.#url(`${this.#name}/resolve/`, commit, name)
    const { answer, chunks } = await download({ url, range }, { ...this.#options, checked: true })
    // The range lies behind the file's end.
    if (!answer.isOk && answer.status !== 416) {
      await answer.stop()
      if (isAbsent(answer)) return undefined
      throw hubError(this.#name, commit, url, answer, this.#options)
    }
    const { etag, size } = answer.isFrom(url) ? infoOf(answer) : await this.#listed(commit, name, answer)
    if (etag === undefined || !isPlain(etag)) {
      await answer.stop()
      throw this.#notHub(
        url,
        answer.isHtml ? 'it sent a web page' : `${name} has ${etag === undefined ? 'no' : 'a strange'} ETag`,
      )
    }
    return { answer, chunks, info: { etag, size } }
  }

  /** What the API says of a file whose own answer came from another host, in a browser. */
  async #listed(commit: string, name: string, answer: Answer): Promise<Partial<FileInfo>> {
    const folder = name.split('/').slice(0, -1).join('/')
    const files = await this.#folders.get(`${commit}/${folder}`, async () => {
      const url = this.#url(`api/models/${this.#name}/tree/`, commit, folder)
      const listing = await download({ url }, this.#options)
      // A mirror may have no API: then the size has to do.
      if (listing.answer.status === 404) return []
      if (!listing.answer.isOk) throw hubError(this.#name, commit, url, listing.answer, this.#options)
      const files = await this.#json(url, listing)
      return Array.isArray(files) ? (files as ListedFile[]) : []
    })
    const file = files.find(({ path }) => path === name)
    return { etag: file?.lfs?.oid ?? file?.oid ?? 'unknown', size: file?.size ?? answer.size }
  }

  #notHub(url: URL, what: string): SourceError {
    return new SourceError(
      'not-a-hub',
      `${describeUrl(url)} does not answer as a Hugging Face hub does: ${what}. Check the endpoint ` +
        `(${describeUrl(this.#endpoint)}), the proxy, and whether the network asks for a login in a browser first.`,
    )
  }
}
