import { readdir, readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { answerApi } from './api'
import { Repo, type StoredFile } from './repos'
import { Uploads } from './uploads'

/** What goes wrong with one answer. Bytes are counted in the answer's body. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** The connection ends before, or at a byte of, the answer. */
  | { readonly kind: 'reset' | 'cut' | 'stall'; readonly at?: number }
  /** Other bytes than the file's, in an answer that is sound in itself. */
  | { readonly kind: 'html' | 'shorter' | 'longer' | 'swapped' | 'compressed' }
  /** Without what makes a hub: as an ordinary server would answer. */
  | { readonly kind: 'plain' }

export interface HubRequest {
  readonly host: 'hub' | 'cdn'
  readonly method: string
  /** Decoded, without the query. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
  status: number
  /** Bytes of the body that were sent. */
  sent: number
}

export interface FakeHubOptions {
  /** Tokens that are somebody's, and whether gated repositories have let them in. */
  readonly tokens?: Readonly<Record<string, { readonly gated?: boolean }>>
  /** Answers ranges with the whole file. */
  readonly ranges?: boolean
  /** Bytes of the parts in which larger files are uploaded; whole by default. */
  readonly partSize?: number
}

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, HEAD, POST, PUT',
  'access-control-allow-headers': '*, authorization, range, if-range, content-type',
  'access-control-expose-headers':
    'X-Repo-Commit, X-Error-Code, X-Error-Message, ETag, Link, Accept-Ranges, Content-Range, X-Linked-Size, X-Linked-ETag',
}

/**
 * The Hugging Face hub as far as downloads and commits need it, on the loopback: `/resolve` with its headers, large
 * files on a second host, the API. `fault` is asked before each answer.
 */
export class FakeHub implements AsyncDisposable {
  readonly repos = new Map<string, Repo>()
  readonly requests: HubRequest[] = []
  fault: ((request: HubRequest) => Fault | undefined) | undefined
  readonly uploads: Uploads
  readonly #servers: readonly Server[]

  private constructor(
    readonly options: FakeHubOptions,
    servers: readonly Server[],
  ) {
    this.#servers = servers
    this.uploads = new Uploads(this, options.partSize)
    servers[0]!.on('request', (request, response) => this.#answer('hub', request, response))
    servers[1]!.on('request', (request, response) => this.#answer('cdn', request, response))
  }

  static async start(options: FakeHubOptions = {}): Promise<FakeHub> {
    const servers = [createServer(), createServer()]
    for (const server of servers) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    return new FakeHub(options, servers)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#servers[0]!.address() as AddressInfo).port}`
  }

  /** Another origin, on which a token has no business. */
  get cdn(): string {
    return `http://localhost:${(this.#servers[1]!.address() as AddressInfo).port}`
  }

  repo(id: string): Repo {
    const known = this.repos.get(id)
    if (known) return known
    const made = new Repo()
    this.repos.set(id, made)
    return made
  }

  /** A folder's own files as a commit. */
  async publish(id: string, folder: string): Promise<string> {
    const entries = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile())
    const files = entries.map(async ({ name }) => [name, await readFile(join(folder, name))] as const)
    return this.repo(id).commit(Object.fromEntries(await Promise.all(files)))
  }

  /** A file of `main`. */
  fileOf(id: string, name: string): StoredFile | undefined {
    const repo = this.repo(id)
    return repo.commits.get(repo.resolve('main') ?? '')?.get(name)
  }

  /** A large file of any commit, by its sha256. */
  stored(sha: string): StoredFile | undefined {
    for (const repo of this.repos.values())
      for (const tree of repo.commits.values()) for (const file of tree.values()) if (file.lfs === sha) return file
    return undefined
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #answer(host: HubRequest['host'], request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const { method = 'GET', headers } = request
    const entry: HubRequest = { host, method, path: decodeURIComponent(pathname), headers, status: 0, sent: 0 }
    response.on('error', () => undefined)
    for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value)
    if (method === 'OPTIONS') return void response.writeHead(204).end()
    this.requests.push(entry)
    const out = new HubResponse(entry, request, response, this.fault?.(entry))
    if (out.failed()) return
    if (host === 'cdn') this.#cdn(pathname, request, out)
    else if (pathname.startsWith('/api/') || pathname.includes('/info/lfs/') || pathname === '/create')
      answerApi(this, pathname, request, out).catch((error: unknown) => out.json(500, { error: String(error) }))
    else this.#resolve(pathname, request, out)
  }

  /** The repository, where the request may read it; else it is answered. */
  allowed(id: string, request: IncomingMessage, out: HubResponse, content = false): Repo | undefined {
    const repo = this.repos.get(id)
    const token = request.headers.authorization?.replace(/^Bearer /, '')
    const who = token === undefined ? undefined : this.options.tokens?.[token]
    const refuse = (status: number, code: string, message: string) =>
      out.json(status, { error: message }, { ...(code && { 'x-error-code': code }), 'x-error-message': message })
    if (token !== undefined && !who) refuse(401, '', 'Invalid credentials in Authorization header')
    else if (!repo || (repo.access === 'private' && !who))
      refuse(who ? 404 : 401, 'RepoNotFound', 'Repository not found')
    else if (content && repo.access === 'gated' && !who?.gated)
      refuse(who ? 403 : 401, 'GatedRepo', `Access to model ${id} is restricted.`)
    else return repo
    return undefined
  }

  #resolve(pathname: string, request: IncomingMessage, out: HubResponse): void {
    const [, id, revision, file] = /^\/((?:[^/]+\/)?[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(pathname) ?? []
    if (!id || !revision || !file) return out.text(404, 'Not Found')
    const repo = this.allowed(decodeURIComponent(id), request, out, true)
    if (!repo) return
    const commit = repo.resolve(decodeURIComponent(revision))
    if (!commit)
      return out.text(404, 'Invalid rev id', {
        'x-error-code': 'RevisionNotFound',
        'x-error-message': `Invalid rev id: ${revision}`,
      })
    const known = { 'x-repo-commit': commit }
    const stored = repo.commits.get(commit)?.get(decodeURIComponent(file))
    if (!stored)
      return out.text(404, 'Entry not found', {
        ...known,
        'x-error-code': 'EntryNotFound',
        'x-error-message': 'Entry not found',
      })
    if (!stored.lfs) return out.file(stored, { ...known, etag: `"${stored.oid}"` }, this.options.ranges)
    out.text(302, '', {
      ...known,
      location: `${this.cdn}/${stored.lfs}?signature=secret`,
      'x-linked-etag': `"${stored.lfs}"`,
      'x-linked-size': `${stored.bytes.length}`,
    })
  }

  #cdn(pathname: string, request: IncomingMessage, out: HubResponse): void {
    if (request.method === 'PUT') {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        this.uploads.put(pathname, Buffer.concat(parts), out)
      })
      return
    }
    const sha = pathname.slice(1)
    const stored = this.stored(sha)
    if (stored) out.file(stored, { etag: `"cdn-${sha.slice(0, 8)}"` }, this.options.ranges)
    else out.text(404, 'Not Found')
  }
}

/** One answer, with what goes wrong with it. */
export class HubResponse {
  constructor(
    private readonly entry: HubRequest,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly fault: Fault | undefined,
  ) {}

  /** Whether the fault is the whole answer. */
  failed(): boolean {
    const { fault, response } = this
    if (fault?.kind === 'status') this.text(fault.status, 'fault', fault.headers)
    else if (fault?.kind === 'reset') response.destroy()
    else if (fault?.kind === 'html')
      this.#end(200, { 'content-type': 'text/html' }, Buffer.from('<!doctype html><title>Log in</title>'))
    else return false
    return true
  }

  text(status: number, body: string, headers: Record<string, string> = {}): void {
    this.#end(status, { 'content-type': 'text/plain', ...headers }, Buffer.from(body))
  }

  json(status: number, body: unknown, headers: Record<string, string> = {}): void {
    this.#end(status, { 'content-type': 'application/json', ...headers }, Buffer.from(JSON.stringify(body)))
  }

  file({ bytes }: StoredFile, headers: Record<string, string>, ranges = true): void {
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec((ranges && this.request.headers.range) || '') ?? []
    const condition = this.request.headers['if-range']
    const current = condition === undefined || condition === headers.etag
    if (from === undefined || !current) return this.#end(200, { 'accept-ranges': 'bytes', ...headers }, bytes)
    const start = Number(from)
    const end = to ? Math.min(Number(to) + 1, bytes.length) : bytes.length
    if (start >= end) return this.#end(416, { ...headers, 'content-range': `bytes */${bytes.length}` }, Buffer.alloc(0))
    const range = { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` }
    this.#end(206, { ...headers, ...range }, bytes.subarray(start, end))
  }

  #end(status: number, headers: Record<string, string>, body: Buffer): void {
    const { entry, fault, response } = this
    let bytes = body
    const told = { ...headers }
    if (fault?.kind === 'plain') for (const name of Object.keys(told)) if (/^(x-|etag)/.test(name)) delete told[name]
    if (fault?.kind === 'shorter') bytes = body.subarray(0, Math.floor(body.length / 2))
    if (fault?.kind === 'longer') bytes = Buffer.concat([body, Buffer.from('more')])
    if (fault?.kind === 'swapped') bytes = Buffer.from(body.map((byte) => byte ^ 1))
    if (fault?.kind === 'compressed') {
      bytes = gzipSync(body)
      told['content-encoding'] = 'gzip'
    }
    entry.status = status
    response.writeHead(status, { ...told, 'content-length': bytes.length })
    if (this.request.method === 'HEAD') return void response.end()
    const stops = fault?.kind === 'cut' || fault?.kind === 'stall'
    const part = stops ? bytes.subarray(0, Math.min(fault.at ?? 0, bytes.length)) : bytes
    entry.sent = part.length
    // A fault behind the body's end is none.
    if (!stops || part.length === bytes.length) return void response.end(bytes)
    if (part.length === 0) response.flushHeaders()
    response.write(part, () => fault.kind === 'cut' && setTimeout(() => response.destroy(), 2))
  }
}
