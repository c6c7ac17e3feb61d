import { cachedModels, clearCachedModels, downloadModel, DualEncoderError, removeCachedModel } from '@dual-encoder/core'
import { openSource } from '../../../packages/core/src/files/source'

export interface Attempt {
  readonly endpoint: string
  /** What every file is, by its sha256. */
  readonly hashes: Readonly<Record<string, string>>
  readonly token?: string
  readonly retries?: number
  readonly timeout?: number
  readonly localFilesOnly?: boolean
  /** Bytes after which the caller leaves. */
  readonly leaves?: number
}

const hashOf = async (bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): Promise<string> =>
  [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')

/** Files in the browser's caches that are not the hub's. */
async function wrongFiles(hashes: Attempt['hashes']): Promise<string[]> {
  const wrong: string[] = []
  for (const name of await caches.keys()) {
    const cache = await caches.open(name)
    for (const { url } of await cache.keys()) {
      if (!url.includes('/resolve/')) continue
      const response = await cache.match(url)
      const file = decodeURIComponent(url.split('/').at(-1) as string)
      if (response?.ok && (await hashOf(await response.arrayBuffer())) !== hashes[file]) wrong.push(url)
    }
  }
  return wrong
}

/** Loads every file: the code of what went wrong, or `ok`; and what was visible meanwhile that should not be. */
async function load({ hashes, leaves = Infinity, ...options }: Attempt): Promise<{ code: string; wrong: string[] }> {
  const leaving = new AbortController()
  const reason = new Error('the caller left')
  const looks: Promise<string[]>[] = []
  let loaded = 0
  const onProgress = () => {
    looks.push(wrongFiles(hashes))
    loaded += 16_384
    if (loaded > leaves) leaving.abort(reason)
  }
  let code = 'ok'
  try {
    const source = await openSource('org/model', { ...options, onProgress, signal: leaving.signal })
    for (const [name, hash] of Object.entries(hashes)) {
      const bytes = (await source.read(name)) as Uint8Array<ArrayBuffer> | undefined
      if (!bytes || (await hashOf(bytes)) !== hash) code = bytes ? `another ${name}` : `no ${name}`
    }
    if ((await source.read('absent.json')) !== undefined) code = 'a file that is not there'
  } catch (error) {
    code = error === reason ? 'aborted' : error instanceof DualEncoderError ? error.code : `untyped ${String(error)}`
  }
  looks.push(wrongFiles(hashes))
  return { code, wrong: (await Promise.all(looks)).flat() }
}

const clear = async () => {
  for (const name of await caches.keys()) await caches.delete(name)
}

const list = (endpoint: string) => cachedModels({ endpoint })
const remove = (endpoint: string) => removeCachedModel('org/model', { endpoint })

const empty = (endpoint: string) => clearCachedModels({ endpoint })

/** What `downloadModel` says when it fails. */
const download = (endpoint: string, token: string) =>
  downloadModel('org/model', { endpoint, token }).then(
    () => 'ok',
    (error: unknown) =>
      error instanceof DualEncoderError ? `${error.code}: ${error.message}` : `untyped ${String(error)}`,
  )

const hub = { load, clear, list, remove, empty, download }
export type HubPage = typeof hub
Object.assign(globalThis, { hub })
