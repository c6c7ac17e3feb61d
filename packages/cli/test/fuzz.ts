import type { TestServer } from './server'

/** Numbers from 0 to 1, the same for a seed. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const PATHS = ['/v1/embeddings', '/classify', '/search']
const KEYS = ['input', 'image', 'labels', 'template', 'query', 'k', 'where', 'dimensions', 'encoding_format', 'weight']
const TYPES = ['application/json', 'multipart/form-data; boundary=x', 'multipart/form-data', 'text/plain', '']

/** A body that nobody would send: bytes, JSON of any shape, forms, and a good body that was cut or changed. */
function randomRequest(next: () => number, good: string): { path: string; type: string; body: Buffer } {
  const below = (n: number) => Math.floor(next() * n)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const bytes = (n: number) => Buffer.from(Array.from({ length: below(n) }, () => below(256)))
  const value = (depth: number): unknown =>
    [
      () => null,
      () => below(1e9) - 5e8,
      () => next() * 1e308,
      () => bytes(40).toString('latin1'),
      () => pick(['a dog', '', ' ', '\u0000', '\ud800', 'data:image/png;base64,', 'data:image/png;base64,iVBORw0KGgo']),
      () => pick(['http://127.0.0.1/', 'https://169.254.169.254/latest', 'file:///etc/passwd']),
      () => next() < 0.5,
      () => (depth > 3 ? [] : Array.from({ length: below(5) }, () => value(depth + 1))),
      () => (depth > 3 ? {} : fields(depth + 1)),
    ][below(9)]!()
  const fields = (depth: number): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length: below(5) }, () => [pick(KEYS), value(depth)]))
  const mutated = () => {
    const copy = Buffer.from(good)
    for (let i = below(4); i >= 0; i--) copy[below(copy.length)] = below(256)
    return copy.subarray(0, next() < 0.3 ? below(copy.length) : copy.length)
  }
  const form = () =>
    Buffer.concat([
      Buffer.from(`--x\r\nContent-Disposition: form-data; name="${pick(KEYS)}"; filename="a.png"\r\n\r\n`),
      bytes(200),
      Buffer.from(next() < 0.7 ? '\r\n--x--\r\n' : ''),
    ])
  const kind = below(4)
  const body = [() => bytes(300), () => Buffer.from(JSON.stringify(fields(0))), form, mutated][kind]!()
  return { path: pick(PATHS), type: kind === 2 ? TYPES[1]! : pick(TYPES), body }
}

/** Sends random bodies, some at a time. @returns how often each status was answered; what is no typed answer is an error */
export async function fuzz(
  server: TestServer,
  good: string,
  { seed, count, headers = {} }: { seed: number; count: number; headers?: Record<string, string> },
): Promise<Record<string, number>> {
  const next = random(seed)
  const statuses: Record<string, number> = {}
  let left = count
  const client = async () => {
    while (left-- > 0) {
      const { path, type, body } = randomRequest(next, good)
      const response = await fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { ...headers, ...(type && { 'content-type': type }) },
        body: new Uint8Array(body),
      })
      const answer = (await response.json()) as { error?: { code: string; message: string } }
      const { status } = response
      if (status === 500 || (status !== 200 && !answer.error?.code))
        throw new Error(`${status} to ${path} ${type} ${body.toString('base64')}: ${JSON.stringify(answer)}`)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
  return statuses
}
