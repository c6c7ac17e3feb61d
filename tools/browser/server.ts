import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

export interface ServeOptions {
  /** `Content-Security-Policy` of every answer. */
  readonly csp?: string
  /** COOP and COEP, which SharedArrayBuffer (wasm threads) needs. */
  readonly isolated?: boolean
}

/** One request as it was answered. */
export interface Served {
  readonly path: string
  readonly method: string
  readonly status: number
  /** Bytes `[start, end)` of the file that the answer's body held. */
  readonly range: readonly [start: number, end: number]
}

export interface Server extends AsyncDisposable {
  readonly url: string
  /** Every request so far; empty it to count from here. */
  readonly served: Served[]
  close(): Promise<void>
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
}

/** `[start, end)` of a single `Range` header, the whole file without one, undefined where it cannot be served. */
function parseRange(header: string | undefined, size: number): readonly [number, number] | undefined {
  if (header === undefined) return [0, size]
  const match = /^bytes=(\d*)-(\d*)$/.exec(header)
  if (!match || (match[1] === '' && match[2] === '')) return undefined
  if (match[1] === '') return [Math.max(0, size - Number(match[2])), size]
  const end = match[2] === '' ? size : Math.min(size, Number(match[2]) + 1)
  return Number(match[1]) < end ? [Number(match[1]), end] : undefined
}

/** A static server on a free local port: `mounts` maps URL prefixes (`/model`) to folders. */
export async function serve(mounts: Record<string, string>, options: ServeOptions = {}): Promise<Server> {
  const served: Served[] = []
  const prefixes = Object.keys(mounts).sort((a, b) => b.length - a.length)

  const locate = (path: string): string | undefined => {
    const prefix = prefixes.find(
      (prefix) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`),
    )
    if (prefix === undefined) return undefined
    const name = normalize(`/${decodeURIComponent(path.slice(prefix.length))}`)
    return join(mounts[prefix]!, name.endsWith('/') ? `${name}index.html` : name)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const method = request.method ?? 'GET'
    if (options.csp) response.setHeader('content-security-policy', options.csp)
    if (options.isolated) {
      response.setHeader('cross-origin-opener-policy', 'same-origin')
      response.setHeader('cross-origin-embedder-policy', 'require-corp')
    }
    const end = (status: number, range: readonly [number, number] = [0, 0]) => {
      response.statusCode = status
      served.push({ path, method, status, range })
    }
    const file = locate(path)
    const info = file === undefined ? undefined : await stat(file).catch(() => undefined)
    if (file === undefined || !info?.isFile()) {
      end(404)
      response.end('not found')
      return
    }
    response.setHeader('accept-ranges', 'bytes')
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
    const range = parseRange(request.headers.range, info.size)
    if (!range) {
      response.setHeader('content-range', `bytes */${info.size}`)
      end(416)
      response.end()
      return
    }
    const [from, to] = range
    response.setHeader('content-length', to - from)
    if (request.headers.range) response.setHeader('content-range', `bytes ${from}-${to - 1}/${info.size}`)
    end(request.headers.range ? 206 : 200, method === 'HEAD' ? [0, 0] : range)
    if (method === 'HEAD' || from === to) response.end()
    else createReadStream(file, { start: from, end: to - 1 }).pipe(response)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served,
    close,
    [Symbol.asyncDispose]: close,
  }
}
