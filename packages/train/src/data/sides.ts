import { InputError, loadImage, type RawImage, type Tensor } from '@dual-encoder/core'
import { breathing } from '@dual-encoder/core/backend'
import type { TrainingInputs } from '@dual-encoder/core/training'
import { type Augmentation, augmenting } from '../augment/augment'
import type { Sample } from './sample'

/**
 * What makes a model's inputs of pictures, or of texts: a processor, or a function that calls one with options of its own.
 */
export type BatchProcessor = (
  inputs: { images: readonly RawImage[] } | { text: string[]; padding: true; truncation: true },
) => Promise<object>

/** A sample as it is in one epoch. */
export interface Taken {
  readonly sample: Sample
  /** Its place in the data (of a stream: in the epoch). */
  readonly number: number
  readonly key: string
  /** The caption that was taken. */
  readonly text: string
  readonly epoch: number
  readonly seed: number
}

/** How one side of samples becomes inputs: each made ready by itself, then all of a batch. */
export interface Side<P, I> {
  /** @throws where the sample cannot be used */
  prepare(taken: Taken): P | Promise<P>
  batch(taken: readonly Taken[], prepared: readonly P[]): Promise<I>
}

/** Both sides. */
export interface Sides<I = unknown> {
  readonly images: Side<unknown, Partial<I>>
  readonly texts: Side<unknown, Partial<I>>
}

export interface ProcessedInputs {
  readonly pixelValues: Tensor<'float32'>
  readonly inputIds: Tensor<'int64'>
  readonly attentionMask: Tensor<'int64'>
  readonly tokenTypeIds?: Tensor<'int64'>
}

/** Pictures read, augmented and processed. */
export const pictures = (
  processor: BatchProcessor,
  augment: readonly Augmentation[] = [],
): Side<RawImage, { pixelValues: Tensor<'float32'> }> => ({
  prepare: async ({ sample, number, epoch, seed }) => {
    const image = await loadImage(imageOf(sample))
    return breathing(augmenting(image, augment, { seed, epoch, sample: number }))
  },
  async batch(_, images) {
    const { pixelValues } = (await processor({ images })) as ProcessedInputs
    return { pixelValues }
  },
})

export function imageOf({ image, key, pooled }: Sample): NonNullable<Sample['image']> {
  if (image === undefined)
    throw new InputError(
      'no-image',
      `${key ?? 'A sample'} has no picture${pooled ? '; pooled is for a tower that is locked, with cache' : ''}.`,
    )
  return image
}

/** The texts of a batch, and behind them the hard negatives of each pair. */
export function textsOf(taken: readonly Taken[]): { texts: string[]; hardNegatives: number } {
  const negatives = taken.map(({ sample }) => sample.negatives ?? [])
  const hardNegatives = negatives[0]?.length ?? 0
  const odd = negatives.findIndex(({ length }) => length !== hardNegatives)
  if (odd >= 0)
    throw new InputError(
      'uneven-negatives',
      `${taken[odd]!.key} has ${negatives[odd]!.length} hard negatives, ${taken[0]!.key} ${hardNegatives}. All need as many.`,
    )
  return { texts: [...taken.map(({ text }) => text), ...negatives.flat()], hardNegatives }
}

/** The parts of a processor's answer that are of texts. */
export async function tokensOf(
  processor: BatchProcessor,
  text: string[],
): Promise<Omit<ProcessedInputs, 'pixelValues'>> {
  const made = (await processor({ text, padding: true, truncation: true })) as ProcessedInputs
  const { inputIds, attentionMask, tokenTypeIds } = made
  return { inputIds, attentionMask, ...(tokenTypeIds && { tokenTypeIds }) }
}

/** Texts tokenized. */
export const texts = (
  processor: BatchProcessor,
): Side<undefined, Pick<TrainingInputs, 'inputIds' | 'attentionMask' | 'tokenTypeIds' | 'hardNegatives'>> => ({
  prepare: () => undefined,
  async batch(taken) {
    const { texts, hardNegatives } = textsOf(taken)
    return { ...(await tokensOf(processor, texts)), ...(hardNegatives > 0 && { hardNegatives }) }
  },
})
