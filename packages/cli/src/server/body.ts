import type { IncomingMessage } from 'node:http'
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
export async function readBody(incoming: IncomingMessage, { maxBody, timeout }: BodyLimits, room: Room): Promise<Body> {
  const { 'content-length': named, 'content-type': type = '' } = incoming.headers
  if (Number(named) > maxBody) throw tooLarge(maxBody)
  // A length that is not told may be any.
  const bytes = await room.during(named === undefined ? maxBody : Number(named), () =>
    bytesOf(incoming, maxBody, timeout),
  )
  return /^multipart\/form-data\b/i.test(type) ? formOf(bytes, type) : jsonOf(bytes)
}

const tooLarge = (most: number) => new Refused(413, 'body-too-large', `A body may have ${most} bytes.`)

/** The socket's own stream: as a stream of the web it takes a fifth of what a request takes. */
function bytesOf(incoming: IncomingMessage, most: number, timeout: number): Promise<Buffer> {
  return new Promise((done, fail) => {
    const chunks: Buffer[] = []
    let size = 0
    const late = `The body did not come within ${timeout / 1000} s.`
    const timer = setTimeout(() => refuse(new Refused(408, 'too-slow', late)), timeout)
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      if ((size += chunk.length) > most) refuse(tooLarge(most))
    }
    const refuse = (error: Refused) => {
      clearTimeout(timer)
      incoming.off('data', take).pause()
      fail(error)
    }
    incoming.on('data', take)
    incoming.on('end', () => {
      clearTimeout(timer)
      done(Buffer.concat(chunks))
    })
    const cut = () => refuse(new Refused(400, 'bad-body', 'The body did not come whole.'))
    incoming.on('error', cut)
    incoming.on('close', cut)
  })
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
