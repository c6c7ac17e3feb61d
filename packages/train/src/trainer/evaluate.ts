import { retrievalScores, type RetrievalScores, type Tensor, tensor } from '@dual-encoder/core'
import { joinRows, sliceRows } from '@dual-encoder/core/backend'
import type { TrainingInputs, TrainingRun } from '@dual-encoder/core/training'
import { captionsOf, type IndexedData } from '../data/sample'
import type { Side, Sides, Taken } from '../data/sides'

/** Recall in both directions, and the mean of all, by which the best weights are told. */
export type Evaluation = Readonly<Record<string, number>> & { readonly recall: number }

const AT = [1, 5, 10]
const named = (name: string, { recallAt }: RetrievalScores) =>
  AT.map((k) => [`${name}Recall${k}`, recallAt[k]!] as const)

/** Retrieval on pictures with all their captions, as weights are now (or as a slot holds them). */
export async function evaluate(
  run: TrainingRun,
  data: IndexedData,
  sides: Sides<TrainingInputs>,
  { rows, slot, signal }: { readonly rows: number; readonly slot?: string; readonly signal?: AbortSignal },
): Promise<Evaluation> {
  const images: Taken[] = []
  const captions: Taken[] = []
  const imageOf: number[] = []
  for (let number = 0; number < data.length; number++) {
    const sample = await data.get(number)
    const key = sample.key ?? `sample ${number}`
    const taken = (text: string): Taken => ({
      sample: { ...sample, negatives: undefined },
      number,
      key,
      text,
      epoch: 0,
      seed: 0,
    })
    images.push(taken(''))
    for (const text of captionsOf(sample)) {
      captions.push(taken(text))
      imageOf.push(number)
    }
  }
  const embeds = (kind: 'text' | 'vision', side: Side<unknown, TrainingInputs>, taken: readonly Taken[]) =>
    inBatches(taken, rows, async (some) => {
      signal?.throwIfAborted()
      const prepared = await Promise.all(some.map((one) => side.prepare(one)))
      return run.embed(kind, await side.batch(some, prepared), slot)
    })
  const [image, text] = [await embeds('vision', sides.images, images), await embeds('text', sides.texts, captions)]
  const { imageToText, textToImage } = await retrievalScores(image, text, imageOf, { at: AT, signal })
  const scores = [...named('imageToText', imageToText), ...named('textToImage', textToImage)]
  const recall = scores.reduce((sum, [, value]) => sum + value, 0) / scores.length
  return { recall, ...Object.fromEntries(scores) }
}

/** Batches all of one size, since each size makes a graph of its own: the last is filled up with its first row. */
async function inBatches(
  all: readonly Taken[],
  size: number,
  embed: (some: readonly Taken[]) => Promise<Tensor<'float32'>>,
): Promise<Tensor> {
  const parts: Tensor[] = []
  for (let i = 0; i < all.length; i += size) {
    const some = all.slice(i, i + size)
    const filled = await embed([...some, ...Array<Taken>(size - some.length).fill(some[0]!)])
    parts.push(sliceRows(filled, 0, some.length))
  }
  return parts.length > 0 ? joinRows(parts) : tensor(new Float32Array(0), [0, 0])
}
