const picture = {
  type: 'string',
  description: 'data:image/png;base64,... or, where its host is allowed, a URL',
}
const item = {
  oneOf: [
    { type: 'string' },
    { type: 'object', required: ['text'], properties: { text: { type: 'string' }, weight: { type: 'number' } } },
    { type: 'object', required: ['image'], properties: { image: picture, weight: { type: 'number' } } },
  ],
}
const items = { oneOf: [item, { type: 'array', items: item }] }
const file = { type: 'string', contentMediaType: 'application/octet-stream' }
const texts = { type: 'array', items: { type: 'string' } }
const textsOrFiles = { type: 'array', items: { oneOf: [{ type: 'string' }, file] } }

type Fields = Readonly<Record<string, object>>
const object = (properties: Fields, required: readonly string[]) => ({ type: 'object', properties, required })
const json = (schema: object) => ({ 'application/json': { schema } })
const answer = (description: string, schema: object) => ({ description, content: json(schema) })

const failure = (description: string) => ({
  description,
  content: json({ $ref: '#/components/schemas/Error' }),
})
const failures = {
  400: failure('bad-input, bad-json, bad-option, bad-form, bad-host, image-...'),
  401: failure('bad-key'),
  408: failure('too-slow: the body did not come in time'),
  413: failure('body-too-large'),
  429: {
    ...failure('queue-full'),
    headers: { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } },
  },
  500: failure('failed'),
  503: failure('too-slow: there was no answer in time'),
}

/** A route that takes JSON, or a form with files. */
const route = (summary: string, body: Fields, form: Fields, required: readonly string[], answered: object) => ({
  post: {
    summary,
    security: [{ key: [] }, {}],
    requestBody: {
      required: true,
      content: {
        ...json(object(body, required)),
        'multipart/form-data': { schema: object({ ...body, ...form }, required) },
      },
    },
    responses: { 200: answered, ...failures },
  },
})
const get = (summary: string, type: string) => ({
  get: { summary, responses: { 200: { description: summary, content: { [type]: { schema: {} } } } } },
})

/** The server as OpenAPI 3.1 describes it. */
export const openapi = {
  openapi: '3.1.0',
  info: { title: 'dual-encoder', version: '1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
  components: {
    securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    schemas: {
      Error: object(
        {
          error: object(
            {
              message: { type: 'string' },
              type: { type: 'string' },
              code: { type: 'string' },
              param: { type: 'null' },
            },
            ['message', 'type', 'code'],
          ),
        },
        ['error'],
      ),
    },
  },
  paths: {
    '/v1/embeddings': route(
      "Unit vectors of texts and pictures, as OpenAI's API answers them",
      {
        input: items,
        model: { type: 'string', description: 'Not read: there is one' },
        encoding_format: { enum: ['float', 'base64'], default: 'float' },
        dimensions: { type: 'integer', minimum: 1, description: 'The first so many numbers, of length 1 again' },
      },
      { input: textsOrFiles },
      ['input'],
      answer(
        'In the order of the input',
        object(
          {
            object: { const: 'list' },
            model: { type: 'string' },
            data: {
              type: 'array',
              items: object(
                {
                  object: { const: 'embedding' },
                  index: { type: 'integer' },
                  embedding: { oneOf: [{ type: 'array', items: { type: 'number' } }, { type: 'string' }] },
                },
                ['object', 'index', 'embedding'],
              ),
            },
            usage: object({ prompt_tokens: { type: 'integer' }, total_tokens: { type: 'integer' } }, []),
          },
          ['object', 'model', 'data', 'usage'],
        ),
      ),
    ),
    '/classify': route(
      'Labels of a picture, the likeliest first',
      { image: picture, labels: texts, template: { type: 'string', default: 'a photo of a {}.' } },
      { image: file },
      ['image', 'labels'],
      answer(
        'Labels with probabilities',
        object(
          {
            labels: {
              type: 'array',
              items: object({ label: { type: 'string' }, probability: { type: 'number' } }, ['label', 'probability']),
            },
          },
          ['labels'],
        ),
      ),
    ),
    '/search': route(
      'The nearest items of the index to a text, a picture, or a mix',
      {
        query: items,
        k: { type: 'integer', minimum: 1, maximum: 1000, default: 10 },
        where: { type: 'string', description: "A filter of SQL: year > 2020 AND id LIKE '%/birds/%'" },
        exact: { type: 'boolean', default: false },
      },
      { query: textsOrFiles },
      ['query'],
      answer(
        'Hits, best first',
        object(
          {
            hits: {
              type: 'array',
              items: object(
                {
                  id: { type: 'string' },
                  kind: { enum: ['picture', 'text'] },
                  score: { type: 'number', description: 'Cosine' },
                  text: { type: ['string', 'null'] },
                  metadata: { type: 'object' },
                },
                ['id', 'kind', 'score'],
              ),
            },
          },
          ['hits'],
        ),
      ),
    ),
    '/healthz': get('Whether it is there', 'application/json'),
    '/metrics': get("Prometheus' metrics", 'text/plain'),
    '/openapi.json': get('This file', 'application/json'),
  },
} as const
