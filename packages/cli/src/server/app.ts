import { createHash, timingSafeEqual } from 'node:crypto'
import { ImageError, InputError, OptionError, sentenceOf, TokenizerError } from '@dual-encoder/core'
import type { HttpBindings } from '@hono/node-server'
import { type Context as AnyContext, Hono } from 'hono'
import { type BodyLimits, type Body, readBody } from './body'
import type { Answer, Engine } from './engine'
import { type Input, inputOf, listOf, oneOf } from './inputs'
import { Metrics } from './metrics'
import { openapi } from './openapi'
import { errorBody, Refused } from './refused'
import { Room } from './room'

export interface ServerOptions extends BodyLimits {
  readonly model: string
  /** Whoever has one of these may ask; everybody where there are none. */
  readonly keys?: readonly string[]
  /** Inputs that may wait; more are answered 429. */
  readonly queue: number
  /** Texts and pictures of one request. */
  readonly maxInputs: number
  /** Hosts of pictures that clients may name by URL. */
  readonly hosts?: readonly string[]
}

/** Beside the request as the web has it, Node's own, which costs less. */
interface OnNode {
  readonly Bindings: HttpBindings
}
type Context = AnyContext<OnNode>

/** Bodies of full size that may be read at a time. */
const BODIES = 8

/** The server's answers, without its sockets. */
export function createApp(engine: Engine, options: ServerOptions, metrics = new Metrics()): Hono<OnNode> {
  const app = new Hono<OnNode>()
  const queue = new Room(options.queue, 'inputs')
  const bodies = new Room(BODIES * options.maxBody, "bytes of others' bodies")
  const { hosts = [], maxBody, maxInputs, timeout } = options
  const fetching = { hosts, maxBytes: maxBody, timeout: Math.min(timeout, 10_000) }

  /** Some work on inputs, once there is room for them, as long as the client waits and time is left. */
  const during = async <T>(
    context: Context,
    given: readonly unknown[],
    work: (inputs: readonly Input[], signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    if (given.length === 0 || given.length > maxInputs)
      throw new Refused(400, 'bad-input', `${given.length} inputs were given; 1 to ${maxInputs} are allowed.`)
    return queue.during(given.length, async () => {
      const inputs = await Promise.all(given.map((input) => inputOf(input, fetching)))
      const abort = new AbortController()
      const late = new Refused(503, 'too-slow', `There was no answer within ${timeout / 1000} s.`, 5)
      const timer = setTimeout(() => abort.abort(late), timeout)
      context.env.outgoing.on('close', () => abort.abort())
      return work(inputs, abort.signal).finally(() => clearTimeout(timer))
    })
  }

  const embed = (context: Context, given: readonly unknown[]) =>
    during(context, given, async (inputs, signal) => {
      const { answers, tokens } = await engine.embed(inputs, signal)
      const texts = inputs.filter((input) => 'text' in input).length
      if (texts > 0) metrics.embedded('text', texts, tokens)
      if (texts < inputs.length) metrics.embedded('picture', inputs.length - texts)
      return { vectors: answers.map(vectorOf), tokens }
    })

  app.onError((error, context) => {
    const { status, code, message, retryAfter } = refusedOf(error)
    if (retryAfter !== undefined) context.header('Retry-After', String(retryAfter))
    // The rest of a body that is refused is not read.
    if (status === 413 || status === 408) context.header('Connection', 'close')
    return context.json(errorBody(status, code, message), status)
  })
  const paths = new Set<string>()
  app.notFound((context) => context.json(errorBody(404, 'not-found', 'There is nothing here.'), 404))
  app.use(async (context, next) => {
    const started = performance.now()
    await next()
    const { path } = context.req
    metrics.answered(paths.has(path) ? path : 'other', context.res.status, (performance.now() - started) / 1000)
  })
  app.get('/healthz', (context) => context.json({ status: 'ok', waiting: queue.taken }))
  app.get('/openapi.json', (context) => context.json(openapi))
  app.get('/metrics', (context) =>
    context.text(
      metrics.text({
        waiting: ['Inputs that wait or are computed.', queue.taken],
        resident_bytes: ['Memory of the process.', process.memoryUsage.rss()],
      }),
    ),
  )
  app.use(async (context, next) => {
    const given = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1]
    if (options.keys && !(given !== undefined && isAmong(options.keys, given)))
      throw new Refused(401, 'bad-key', 'A key is needed: Authorization: Bearer KEY.')
    await next()
  })
  const bodyOf = (context: Context): Promise<Body> => readBody(context.env.incoming, options, bodies)

  app.post('/v1/embeddings', async (context) => {
    const { input, ...rest } = await bodyOf(context)
    const [format, dimensions] = [oneOf(rest.encoding_format) ?? 'float', numberOf(rest.dimensions)]
    if (format !== 'float' && format !== 'base64')
      throw new Refused(400, 'bad-option', 'encoding_format: float or base64.')
    const { vectors, tokens } = await embed(context, listOf(input))
    const size = vectors[0]!.length
    if (dimensions !== undefined && !(Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= size))
      throw new Refused(400, 'bad-option', `dimensions: 1 to ${size}.`)
    const data = vectors.map((vector, index) => {
      const values = dimensions === undefined ? vector : shortened(vector, dimensions)
      return { object: 'embedding', index, embedding: format === 'base64' ? base64(values) : [...values] }
    })
    const usage = { prompt_tokens: tokens, total_tokens: tokens }
    return context.json({ object: 'list', data, model: options.model, usage })
  })

  app.post('/classify', async (context) => {
    const { image, labels, template } = await bodyOf(context)
    if (!Array.isArray(labels) || labels.length === 0 || !labels.every((label) => typeof label === 'string'))
      throw new Refused(400, 'bad-input', 'labels: a list of texts.')
    const sentence = oneOf(template) ?? 'a photo of a {}.'
    if (typeof sentence !== 'string') throw new Refused(400, 'bad-option', 'template: a text with {} in it.')
    const texts = labels.map((label) => sentenceOf(sentence, label as string))
    const { vectors } = await embed(context, [{ image }, ...texts])
    const [picture, ...sentences] = vectors as [Float32Array, ...Float32Array[]]
    const shares = await engine.probabilities(picture, sentences)
    const ranked = labels.map((label, i) => ({ label: label as string, probability: shares[i]! }))
    return context.json({ labels: ranked.sort((a, b) => b.probability - a.probability) })
  })

  app.post('/search', async (context) => {
    const { query, ...rest } = await bodyOf(context)
    const [k, where, exact] = [numberOf(rest.k) ?? 10, oneOf(rest.where), oneOf(rest.exact) ?? false]
    if (!Number.isInteger(k) || k < 1 || k > 1000) throw new Refused(400, 'bad-option', 'k: 1 to 1000.')
    if (where !== undefined && typeof where !== 'string') throw new Refused(400, 'bad-option', 'where: a text of SQL.')
    const parts = listOf(query)
    const weights = parts.map((part) => (part as { weight?: unknown } | null)?.weight ?? 1)
    if (!weights.every((weight) => typeof weight === 'number'))
      throw new Refused(400, 'bad-option', 'weight: a number, below 0 for what hits are not to be like.')
    const hits = await during(context, parts, (inputs, signal) => {
      const weighted = inputs.map((input, i) => ({ ...input, weight: weights[i] as number }))
      const isExact = exact === true || exact === 'true'
      return engine.search(weighted, { k, exact: isExact, ...(where === undefined ? {} : { where }) }, signal)
    })
    return context.json({ hits })
  })
  for (const { path } of app.routes) if (path !== '/*') paths.add(path)
  return app
}

function vectorOf(answer: Answer, index: number): Float32Array {
  if ('vector' in answer) return answer.vector
  throw new Refused(400, answer.code, `input ${index}: ${answer.message}`)
}

/** What a client did is told to it; what failed here is not. */
function refusedOf(error: Error): Refused | { status: 500; code: string; message: string; retryAfter?: number } {
  if (error instanceof Refused) return error
  const ofClient = [InputError, OptionError, ImageError, TokenizerError].find((type) => error instanceof type)
  if (ofClient) return new Refused(400, (error as InputError).code, error.message)
  return { status: 500, code: 'failed', message: 'The model failed.' }
}

/** Compared in a time that tells nothing of the keys. */
function isAmong(keys: readonly string[], given: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return keys.filter((key) => timingSafeEqual(hash(key), hash(given))).length > 0
}

/** A number, also as a form's text. NaN for what is none */
function numberOf(value: unknown): number | undefined {
  const one = oneOf(value)
  if (one === undefined || one === null) return undefined
  return typeof one === 'number' || (typeof one === 'string' && one.trim() !== '') ? Number(one) : NaN
}

function shortened(vector: Float32Array, size: number): Float32Array {
  const start = vector.slice(0, size)
  const norm = Math.hypot(...start)
  return start.map((value) => value / norm)
}

const base64 = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
