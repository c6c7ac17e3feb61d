import { platform } from '#platform'
import { SourceError } from '../../base/errors'
import { printWarning } from '../../base/warnings'
import type { Spooled } from '../../platform/platform'
import { badDownload } from './errors'
import { Sha256 } from './sha256'
import type { Arriving, CachedModel, FileInfo, HubStore, StoredFile } from './store'

const CACHE = 'dual-encoder-hub'
const PIECE = 4 * 2 ** 20

/** The browser's Cache API, which pages have over TLS and on the local host; undefined elsewhere. */
const openCache = (): Promise<Cache> | undefined => globalThis.caches?.open(CACHE)

const stored = ({ size, read }: Spooled): StoredFile => ({
  size,
  read: (range = [0, size]) => read(range[0], Math.min(range[1], size)),
})

async function ofResponse(response: Response): Promise<StoredFile> {
  // What the browser keeps on its disk: a slice reads its own bytes.
  const blob = await response.blob()
  const read = async (start: number, end: number) => new Uint8Array(await blob.slice(start, end).arrayBuffer())
  return stored({ size: blob.size, read })
}

/**
 * One repository in the browser's Cache API, by addresses of the hub: `resolve/<commit>/<name>` (404 for what the hub
 * does not have) and `refs/<revision>`. It stays over reloads, works offline, in workers and in extensions.
 */
export class BrowserCache implements HubStore {
  readonly describe = "this browser's cache"
  readonly #base: string

  /** @param mustKeep whether a file that the browser does not keep is an error, and not used all the same */
  constructor(
    name: string,
    endpoint: URL,
    private readonly mustKeep: boolean,
  ) {
    this.#base = `${endpoint.href}${name}/`
  }

  readonly #file = (commit: string, name: string): string =>
    `${this.#base}resolve/${commit}/${encodeURIComponent(name)}`
  readonly #ref = (revision: string): string => `${this.#base}refs/${encodeURIComponent(revision)}`

  async commitOf(revision: string): Promise<string | undefined> {
    return (await (await openCache())?.match(this.#ref(revision)))?.text()
  }

  async remember(revision: string, commit: string): Promise<void> {
    const cache = await openCache()
    // The commit too: a snapshot of it is there.
    for (const ref of new Set([revision, commit]))
      if ((await this.commitOf(ref)) !== commit)
        await cache?.put(this.#ref(ref), new Response(commit)).catch(() => undefined)
  }

  async find(commit: string, name: string): Promise<StoredFile | 'absent' | undefined> {
    const response = await (await openCache())?.match(this.#file(commit, name))
    return response && (response.status === 404 ? 'absent' : ofResponse(response))
  }

  async keep(
    commit: string,
    name: string,
    fetch: (from: number) => Promise<Arriving | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<StoredFile | undefined> {
    const key = this.#file(commit, name)
    return alone(key, signal, async () => {
      const known = await this.find(commit, name)
      if (known) return known === 'absent' ? undefined : known
      const coming = await fetch(0)
      const cache = await openCache()
      if (!coming) {
        await cache?.put(key, new Response(null, { status: 404 })).catch(() => undefined)
        return undefined
      }
      try {
        // Before it is fetched, where its size is known.
        if (this.mustKeep) await this.#keeps(coming.size ?? 0, name, cache)
        const file = await platform.spool(coming.chunks)
        await check(name, file, coming)
        const kept = (await this.#keeps(file.size, name, cache)) && (await this.#put(cache, key, file, name))
        return kept ? ((await this.find(commit, name)) as StoredFile) : stored(file)
      } finally {
        await coming.stop()
      }
    })
  }

  /** Whether there is a cache, and room in it. */
  async #keeps(size: number, name: string, cache: Cache | undefined): Promise<boolean> {
    if (!cache) {
      if (this.mustKeep) this.#full(name, 'this page has no cache, which needs TLS or the local host')
      return false
    }
    const { quota, usage } = await space()
    if (quota === undefined || usage === undefined || usage + size <= quota) return true
    return this.#full(name, `${size} bytes are needed, and ${Math.max(0, quota - usage)} of ${quota} are free`)
  }

  /** All of it, or nothing. */
  async #put(cache: Cache | undefined, key: string, file: Spooled, name: string): Promise<boolean> {
    try {
      await cache?.put(key, new Response(streamOf(file), { headers: { 'content-length': `${file.size}` } }))
      return true
    } catch (error) {
      const { quota = 0, usage = 0 } = await space()
      return this.#full(
        name,
        `${file.size} bytes are needed, and ${Math.max(0, quota - usage)} of ${quota} are free (${(error as Error).message})`,
      )
    }
  }

  /** @throws SourceError where it must be kept */
  #full(name: string, what: string): false {
    const advice = 'removeCachedModel and clearCachedModels make room'
    if (this.mustKeep)
      throw new SourceError(
        'disk-full',
        `${name} cannot be kept in ${this.describe}: ${what}. ${advice}; fromPretrained uses a model without keeping it.`,
      )
    printWarning({
      code: 'cache-full',
      message: `${name} is not kept in ${this.describe}: ${what}. It is used all the same, and fetched again next time. ${advice}.`,
    })
    return false
  }
}

/** What is kept of one hub: each entry's model and where it belongs, `resolve/<commit>/...` or `refs/<revision>`. */
async function entriesOf(endpoint: URL): Promise<{ request: Request; name: string; path: readonly string[] }[]> {
  const requests = (await (await openCache())?.keys()) ?? []
  return requests.flatMap((request) => {
    const [, name, path] =
      /^((?:[^/]+\/)?[^/]+)\/((?:resolve|refs)\/.+)$/.exec(
        request.url.startsWith(endpoint.href) ? request.url.slice(endpoint.href.length) : '',
      ) ?? []
    return name && path ? [{ request, name, path: path.split('/').map(decodeURIComponent) }] : []
  })
}

export async function cached(endpoint: URL): Promise<CachedModel[]> {
  const cache = await openCache()
  const models = new Map<string, { size: number; refs: Map<string, string[]> }>()
  for (const { request, name, path } of await entriesOf(endpoint)) {
    const model = models.get(name) ?? { size: 0, refs: new Map<string, string[]>() }
    models.set(name, model)
    const response = await cache?.match(request)
    const [kind, key = ''] = path
    if (kind === 'resolve') model.size += Number(response?.headers.get('content-length') ?? 0)
    const commit = kind === 'resolve' ? key : ((await response?.text()) ?? '')
    const refs = model.refs.get(commit) ?? []
    model.refs.set(commit, kind === 'refs' && key !== commit ? [...refs, key] : refs)
  }
  return [...models].map(([name, { size, refs }]) => ({
    name,
    size,
    revisions: [...refs].map(([commit, names]) => ({ commit, refs: names })),
  }))
}

export async function remove(name: string, endpoint: URL): Promise<boolean> {
  const cache = await openCache()
  const entries = (await entriesOf(endpoint)).filter((entry) => entry.name === name)
  for (const { request } of entries) await cache?.delete(request)
  return entries.length > 0
}

/** One at a time of all pages of the origin, where the browser has locks. */
function alone<T>(key: string, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks as LockManager | undefined
  return locks ? (locks.request(key, { signal }, action) as Promise<T>) : action()
}

/** Asks the browser to keep what it is given, and what it has room for. */
async function space(): Promise<StorageEstimate> {
  const storage = globalThis.navigator?.storage as StorageManager | undefined
  await storage?.persist?.().catch(() => false)
  return (await storage?.estimate?.().catch(() => undefined)) ?? {}
}

function streamOf(file: Spooled): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0
  return new ReadableStream({
    async pull(controller) {
      if (at >= file.size) return controller.close()
      controller.enqueue((await file.read(at, Math.min(at + PIECE, file.size))) as Uint8Array<ArrayBuffer>)
      at += PIECE
    },
  })
}

/** @throws SourceError for other bytes than the hub announced */
async function check(name: string, file: Spooled, { etag, size }: FileInfo): Promise<void> {
  if (size !== undefined && size !== file.size) throw badDownload(name, `${file.size} bytes, not ${size}`)
  const digest = await digestOf(file, etag)
  if (digest !== undefined && digest !== etag) throw badDownload(name, `its hash is ${digest}, not ${etag}`)
}

/** The hash that an ETag is, by its length; undefined where it is none, or this page may not hash. */
async function digestOf(file: Spooled, etag: string): Promise<string | undefined> {
  if (/^[0-9a-f]{64}$/.test(etag)) {
    const hash = new Sha256()
    for (let at = 0; at < file.size; at += PIECE) hash.update(await file.read(at, Math.min(at + PIECE, file.size)))
    return hash.hex()
  }
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined
  if (!/^[0-9a-f]{40}$/.test(etag) || !subtle) return undefined
  const head = new TextEncoder().encode(`blob ${file.size}\0`)
  const whole = new Uint8Array(head.length + file.size)
  whole.set(head)
  whole.set(await file.read(0, file.size), head.length)
  const hex = async (bytes: Uint8Array<ArrayBuffer>) =>
    [...new Uint8Array(await subtle.digest('SHA-1', bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const [git, plain] = [await hex(whole), await hex(whole.subarray(head.length))]
  return plain === etag ? plain : git
}
