import { AutoProcessor, DualEncoderError } from '@dual-encoder/core'
import { AutoModel, type OnnxModel } from '@dual-encoder/onnx'
import { type QueryPart, SearchIndex } from '@dual-encoder/search'

export const runtime = 'nodejs'

/** Loaded by the first request, for all of them. `INDEX` is what `dual-encoder index` has made with the same model. */
let opened: Promise<SearchIndex> | undefined

async function open(): Promise<SearchIndex> {
  const source = process.env.MODEL ?? './model'
  const model = (await AutoModel.fromPretrained(source, { batching: { maxBatch: 16 } })) as OnnxModel
  const processor = await AutoProcessor.fromPretrained(source)
  return SearchIndex.open(process.env.INDEX ?? '.dual-encoder-index', { model, processor, create: false })
}

/** `GET /api/search?q=a+red+bird` */
export const GET = (request: Request) => answer([{ text: new URL(request.url).searchParams.get('q') ?? '' }])

/** A form with `image`, a file, and, if it likes, `q`. */
export async function POST(request: Request): Promise<Response> {
  const form = await request.formData()
  const [image, text] = [form.get('image'), form.get('q')]
  return answer([...(image instanceof Blob ? [{ image }] : []), ...(typeof text === 'string' ? [{ text }] : [])])
}

async function answer(query: QueryPart[]): Promise<Response> {
  try {
    const index = await (opened ??= open())
    return Response.json({ hits: await index.search(query, { k: 12 }) })
  } catch (error) {
    if (!(error instanceof DualEncoderError)) throw error
    return Response.json({ error: { code: error.code, message: error.message } }, { status: 400 })
  }
}
