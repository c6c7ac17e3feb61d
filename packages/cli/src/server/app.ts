import { probabilitiesOf, tensor } from '@dual-encoder/core'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Answer, Engine } from './engine'

export interface ServerOptions {
  readonly model: string
  /** Whoever has one of these may ask; everybody where there are none. */
  readonly keys?: readonly string[]
  /** Inputs that may wait; more are answered 429. */
  readonly queue: number
  /** Bytes of a body. */
  readonly maxBody: number
  /** Texts and pictures of one request. */
  readonly maxInputs: number
}

/** An answer that is no 200, as OpenAI's clients read it. */
class Refused extends Error {
  constructor(
    readonly status: 400 | 401 | 429,
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

type Input = { readonly text: string } | { readonly image: Uint8Array }

/** The server's answers, without its sockets. */
export function createApp(engine: Engine, options: ServerOptions): Hono {
  const app = new Hono()
  const counts = { requests: 0, refused: 0, failed: 0, texts: 0, pictures: 0, seconds: 0 }
  let waiting = 0

  /** Vectors of inputs, once there is room for them. */
  const embed = async (inputs: readonly Input[]): Promise<{ vectors: Float32Array[]; tokens: number }> => {
    if (inputs.length === 0 || inputs.length > options.maxInputs)
      throw new Refused(400, 'bad-input', `${inputs.length} inputs were given; 1 to ${options.maxInputs} are allowed.`)
    if (waiting + inputs.length > options.queue)
      throw new Refused(429, 'queue-full', `${waiting} inputs are waiting. Try again in a second.`)
    waiting += inputs.length
    const started = performance.now()
    try {
      const texts = inputs.flatMap((input) => ('text' in input ? [input.text] : []))
      const pictures = inputs.flatMap((input) => ('image' in input ? [input.image] : []))
      const none = { answers: [], tokens: 0 }
      const [ofTexts, ofPictures] = await Promise.all([
        texts.length > 0 ? engine.texts(texts) : none,
        pictures.length > 0 ? engine.pictures(pictures) : none,
      ])
      counts.texts += texts.length
      counts.pictures += pictures.length
      const [nextText, nextPicture] = [ofTexts.answers.values(), ofPictures.answers.values()]
      const answers = inputs.map((input) => ('text' in input ? nextText : nextPicture).next().value as Answer)
      const vectors = answers.map((answer, i) => {
        if ('vector' in answer) return answer.vector
        throw new Refused(400, answer.code, `input ${i}: ${answer.message}`)
      })
      return { vectors, tokens: ofTexts.tokens }
    } finally {
      waiting -= inputs.length
      counts.seconds += (performance.now() - started) / 1000
    }
  }

  app.onError((error, context) => {
    const refused = error instanceof Refused ? error : undefined
    counts[refused ? 'refused' : 'failed']++
    const { status = 500, code = 'failed' } = refused ?? {}
    if (status === 429) context.header('Retry-After', '1')
    const type = status === 500 ? 'server_error' : 'invalid_request_error'
    const message = refused ? error.message : 'The model failed.'
    return context.json({ error: { message, type, code, param: null } }, status)
  })
  app.notFound((context) =>
    context.json(
      { error: { message: 'There is nothing here.', type: 'invalid_request_error', code: 'not-found' } },
      404,
    ),
  )
  app.get('/healthz', (context) => context.json({ status: 'ok', waiting }))
  app.get('/metrics', (context) =>
    context.text(
      [
        ...Object.entries(counts).map(([name, value]) => `dual_encoder_${name}_total ${value}`),
        `dual_encoder_waiting ${waiting}`,
        '',
      ].join('\n'),
    ),
  )
  app.use(async (context, next) => {
    counts.requests++
    const given = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1]
    if (options.keys && !(given !== undefined && options.keys.includes(given)))
      throw new Refused(401, 'bad-key', 'A key is needed: Authorization: Bearer KEY.')
    await next()
  })
  app.use(
    bodyLimit({
      maxSize: options.maxBody,
      onError: (context) => {
        // The rest of it is not read.
        context.header('Connection', 'close')
        const message = `A body may have ${options.maxBody} bytes.`
        return context.json({ error: { message, type: 'invalid_request_error', code: 'body-too-large' } }, 413)
      },
    }),
  )

  app.post('/v1/embeddings', async (context) => {
    const body = await bodyOf(context.req)
    const { input, encoding_format: format = 'float', dimensions } = body
    if (format !== 'float' && format !== 'base64')
      throw new Refused(400, 'bad-option', 'encoding_format: float or base64.')
    const list = Array.isArray(input) ? (input as unknown[]) : [input]
    const { vectors, tokens } = await embed(list.map(inputOf))
    const size = vectors[0]!.length
    if (
      dimensions !== undefined &&
      !(Number.isInteger(dimensions) && Number(dimensions) >= 1 && Number(dimensions) <= size)
    )
      throw new Refused(400, 'bad-option', `dimensions: 1 to ${size}.`)
    const data = vectors.map((vector, index) => {
      const values = dimensions === undefined ? vector : shortened(vector, Number(dimensions))
      return { object: 'embedding', index, embedding: format === 'base64' ? base64(values) : [...values] }
    })
    const usage = { prompt_tokens: tokens, total_tokens: tokens }
    return context.json({ object: 'list', data, model: options.model, usage })
  })

  app.post('/classify', async (context) => {
    const { image, labels, template = 'a photo of a {}.' } = await bodyOf(context.req)
    if (!Array.isArray(labels) || labels.length === 0 || !labels.every((label) => typeof label === 'string'))
      throw new Refused(400, 'bad-input', 'labels: a list of texts.')
    const texts = labels.map((label) => ({ text: String(template).replaceAll('{}', label as string) }))
    const { vectors } = await embed([inputOf({ image }), ...texts])
    const [picture, ...sentences] = vectors as [Float32Array, ...Float32Array[]]
    const { scale, bias, loss } = await engine.logits()
    const logits = Float32Array.from(
      sentences,
      (vector) => scale * vector.reduce((sum, x, d) => sum + x * picture[d]!, 0) + bias,
    )
    const { data: shares } = probabilitiesOf(tensor(logits, [1, logits.length]), loss)
    const ranked = labels.map((label, i) => ({ label: label as string, probability: shares[i]! }))
    return context.json({ labels: ranked.sort((a, b) => b.probability - a.probability) })
  })
  return app
}

async function bodyOf(request: { json(): Promise<unknown> }): Promise<Record<string, unknown>> {
  const body = await request.json().catch(() => undefined)
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  throw new Refused(400, 'bad-json', 'The body has to be an object of JSON.')
}

/** Pictures come as data URLs: nothing is fetched for anybody. */
function inputOf(given: unknown): Input {
  if (typeof given === 'string') return { text: given }
  const { text, image } = (given ?? {}) as { text?: unknown; image?: unknown }
  if (typeof text === 'string' && image === undefined) return { text }
  const data = typeof image === 'string' ? /^data:image\/[\w.+-]+;base64,([\w+/=\s]+)$/.exec(image)?.[1] : undefined
  if (data !== undefined) return { image: new Uint8Array(Buffer.from(data, 'base64')) }
  throw new Refused(400, 'bad-input', 'An input is a text, { "text" }, or { "image": "data:image/png;base64,..." }.')
}

function shortened(vector: Float32Array, size: number): Float32Array {
  const start = vector.slice(0, size)
  const norm = Math.hypot(...start)
  return start.map((value) => value / norm)
}

const base64 = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
