import type { QuantizationLoss, QuantizationReport, Tensor, TextModelInputs } from '@dual-encoder/core'
import { float32Of, InputError, joinRows, sliceRows, topK } from '@dual-encoder/core/backend'
import type { OnnxModel } from '../model'

/** Rows of a run, and those whose layers are compared. */
const BATCH = 8
const NEAREST = 10

/**
 * What a model loaded with `dtype: 'int8'` or `'int8-fast'` loses against itself in float32, measured on the graphs that
 * run. The pictures and texts are a search in either direction: give some hundred of each that resemble yours.
 * @param reference the float32 model that an int8 checkpoint was made from; without it the checkpoint's own values
 */
export async function quantizationReport(
  model: OnnxModel,
  pictures: { readonly pixelValues: Tensor },
  texts: TextModelInputs,
  reference?: OnnxModel,
): Promise<QuantizationReport> {
  const [images, captions] = [batchesOf(pictures), batchesOf(texts)]
  if (images.length === 0 || captions.length === 0)
    throw new InputError('no-rows', 'quantizationReport: at least one picture and one text are needed.')
  const whole = reference ?? model.inFloat32()
  try {
    const [vision, text] = [
      await embedded(model, whole, images, (one, batch) => one.getImageFeatures(batch, { normalize: true })),
      await embedded(model, whole, captions, (one, batch) => one.getTextFeatures(batch, { normalize: true })),
    ]
    const layers = await layerErrors(model, whole, { ...images[0], ...captions[0] } as Inputs)
    return {
      vision: { ...cosines(vision), ...agreement(vision, text), layers: layers.vision },
      text: { ...cosines(text), ...agreement(text, vision), layers: layers.text },
    }
  } finally {
    if (!reference) await whole.dispose()
  }
}

type Inputs = Parameters<OnnxModel['forward']>[0]

/** Normalised embeddings `[N, D]` of the same rows. */
interface Embedded {
  readonly int8: Tensor
  readonly float32: Tensor
}

function batchesOf<I extends object>(inputs: I): I[] {
  const tensors = Object.entries(inputs).filter((pair): pair is [string, Tensor] => pair[1] !== undefined)
  const count = tensors[0]?.[1].dims[0] ?? 0
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, i) => {
    const rows = tensors.map(([name, value]) => [name, sliceRows(value, i * BATCH, Math.min(count, (i + 1) * BATCH))])
    return Object.fromEntries(rows) as I
  })
}

async function embedded<B>(
  int8: OnnxModel,
  float32: OnnxModel,
  batches: readonly B[],
  embed: (model: OnnxModel, batch: B) => Promise<Tensor>,
): Promise<Embedded> {
  const of = async (model: OnnxModel) => {
    const rows: Tensor[] = []
    for (const batch of batches) rows.push(await embed(model, batch))
    return joinRows(rows)
  }
  return { int8: await of(int8), float32: await of(float32) }
}

function cosines({ int8, float32 }: Embedded): Pick<QuantizationLoss, 'lowest' | 'mean'> {
  const [a, b] = [float32Of(int8), float32Of(float32)]
  const [count = 0, size = 0] = int8.dims
  const all = Array.from({ length: count }, (_, row) => {
    let sum = 0
    for (let i = row * size; i < (row + 1) * size; i++) sum += (a[i] as number) * (b[i] as number)
    return sum
  })
  return { lowest: Math.min(...all), mean: all.reduce((sum, value) => sum + value, 0) / count }
}

/** Of a search with `queries` among `others`: how many of the nearest in float32 are found in int8. */
function agreement(queries: Embedded, others: Embedded): Pick<QuantizationLoss, 'top1' | 'top10'> {
  const [wanted, found] = (['float32', 'int8'] as const).map((key) =>
    topK(queries[key], others[key], NEAREST).map((hits) => hits.map(({ index }) => index)),
  ) as [number[][], number[][]]
  const shared = (k: number) => {
    const parts = wanted.map((hits, row) => {
      const first = new Set(found[row]?.slice(0, k))
      const expected = hits.slice(0, k)
      return expected.filter((index) => first.has(index)).length / expected.length
    })
    return parts.reduce((sum, part) => sum + part, 0) / parts.length
  }
  return { top1: shared(1), top10: shared(NEAREST) }
}

/** Of every hidden state: the length of its difference as a part of its own. */
async function layerErrors(int8: OnnxModel, float32: OnnxModel, inputs: Inputs) {
  const [a, b] = [
    await int8.forward(inputs, { outputHiddenStates: true }),
    await float32.forward(inputs, { outputHiddenStates: true }),
  ]
  const mask = inputs.attentionMask?.data
  const errors = (side: 'visionModelOutput' | 'textModelOutput') =>
    (a[side].hiddenStates ?? []).map((state, i) =>
      relativeError(state, b[side].hiddenStates?.[i] as Tensor, side === 'textModelOutput' ? mask : undefined),
    )
  return { vision: errors('visionModelOutput'), text: errors('textModelOutput') }
}

/** @param mask of rows of the last axis that count */
function relativeError(a: Tensor, b: Tensor, mask: ArrayLike<number | bigint | boolean> | undefined): number {
  const [x, y] = [float32Of(a), float32Of(b)]
  const size = a.dims.at(-1) ?? 1
  let [error, length] = [0, 0]
  for (let i = 0; i < x.length; i++) {
    if (mask && !Number(mask[Math.floor(i / size)])) continue
    error += ((x[i] as number) - (y[i] as number)) ** 2
    length += (y[i] as number) ** 2
  }
  return Math.sqrt(error / (length || 1))
}
