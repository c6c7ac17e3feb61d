import { Refused } from './refused'
import type { Room } from './room'

export interface BodyLimits {
  /** Bytes of a body. */
  readonly maxBody: number
  /** Milliseconds in which a request has to come and to be answered. */
  readonly timeout: number
}

/** The fields of a body: an object of JSON, or a form, whose fields are lists. */
export type Body = Readonly<Record<string, unknown>>

/**
 * Reads a body, JSON or a form, as far as its limits allow.
 * @param room of all bodies that are read at a time, in bytes
 * @throws Refused
 */
export async function readBody(request: Request, { maxBody, timeout }: BodyLimits, room: Room): Promise<Body> {
  const tooLarge = () => new Refused(413, 'body-too-large', `A body may have ${maxBody} bytes.`)
  const named = request.headers.get('content-length')
  if (Number(named) > maxBody) throw tooLarge()
  // A length that is not told may be any.
  const bytes = await room.during(named === null ? maxBody : Number(named), () =>
    bytesOf(request, maxBody, timeout, tooLarge),
  )
  const type = request.headers.get('content-type') ?? ''
  return /^multipart\/form-data\b/i.test(type) ? formOf(bytes, type) : jsonOf(bytes)
}

async function bytesOf(request: Request, most: number, timeout: number, tooLarge: () => Refused): Promise<Buffer> {
  const reader = request.body?.getReader()
  if (!reader) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  let [size, timer] = [0, undefined as NodeJS.Timeout | undefined]
  const late = new Promise<never>((_, fail) => {
    const message = `The body did not come within ${timeout / 1000} s.`
    timer = setTimeout(() => fail(new Refused(408, 'too-slow', message)), timeout)
  })
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late])
      if (done) return Buffer.concat(chunks)
      chunks.push(value)
      if ((size += value.length) > most) throw tooLarge()
    }
  } catch (error) {
    void reader.cancel().catch(() => undefined)
    if (error instanceof Refused) throw error
    throw new Refused(400, 'bad-body', 'The body did not come whole.')
  } finally {
    clearTimeout(timer)
  }
}

function jsonOf(bytes: Buffer): Body {
  let body: unknown
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // Answered below.
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Body
  throw new Refused(400, 'bad-json', 'The body has to be an object of JSON, or a form (multipart/form-data).')
}

async function formOf(bytes: Buffer, type: string): Promise<Body> {
  const response = new Response(new Uint8Array(bytes), { headers: { 'content-type': type } })
  const form = await response.formData().catch(() => {
    throw new Refused(400, 'bad-form', 'The body is no form, or not whole.')
  })
  return Object.fromEntries([...new Set(form.keys())].map((name) => [name, form.getAll(name)]))
}
