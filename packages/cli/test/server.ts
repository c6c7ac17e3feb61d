import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { builtBin } from './bin'
import { fixture } from './cli'

export interface TestServer {
  readonly url: string
  readonly child: ChildProcess
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  /** Ends it as a system does. */
  stop(): Promise<{ readonly code: number | null; readonly accepted: number; readonly answered: number }>
}

/** `dual-encoder serve` in a process of its own, from this repository's sources. */
export async function startServer(
  name: string,
  flags: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<TestServer> {
  const child = spawn(process.execPath, [await builtBin(name), 'serve', '--port', '0', '--json', ...flags], {
    env: { ...process.env, DUAL_ENCODER_MODEL: fixture('models/emoji-vit-bert'), ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async <T>() => JSON.parse((await lines.next()).value as string) as T
  const { url } = await next<{ url: string }>()
  return {
    url,
    child,
    post: (path, body, headers = {}) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: body instanceof FormData ? headers : { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || body instanceof FormData ? body : JSON.stringify(body),
      }),
    async stop() {
      const ended = once(child, 'close')
      child.kill('SIGTERM')
      const counts = await next<{ accepted: number; answered: number }>()
      return { ...counts, code: (await ended)[0] as number | null }
    },
  }
}

export const codeOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: { code: string } }).error.code
