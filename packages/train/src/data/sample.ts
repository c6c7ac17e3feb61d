import type { ImageSource } from '@dual-encoder/core'

/** A picture with its caption, or several of which each epoch takes one. */
export interface Sample {
  readonly image?: ImageSource
  readonly text: string | readonly string[]
  /** Texts that are wrong for the picture: as many of each sample. */
  readonly negatives?: readonly string[]
  /** In place of a picture what the locked image tower gives of it, its pooled output (with `cache`). */
  readonly pooled?: Float32Array | readonly number[]
  /** In place of a picture its embedding, or (loss 'distillation') another model's of the text. */
  readonly vector?: Float32Array | readonly number[]
  /** Samples of one group are positives of each other. */
  readonly group?: string | number
  /** How much it counts; 1 unless given. */
  readonly weight?: number
  /** What it is called in messages, and what tells that two samples have the same picture. */
  readonly key?: string
}

/** Samples that can be asked for in any order. */
export interface IndexedData {
  readonly length: number
  get(index: number): Sample | Promise<Sample>
  /** Group, picture and captions of a sample, where they are known without reading the picture (`no-duplicates`). */
  keysOf?(index: number): readonly (string | number)[]
}

/** Samples that come in a stream, in an order that seed and epoch decide. */
export interface StreamedData {
  stream(seed: number, epoch: number): AsyncIterable<Sample | BadSample>
}

/** Something that was meant to be a sample. */
export interface BadSample {
  readonly key: string
  readonly error: Error
}
export const isBad = (sample: Sample | BadSample): sample is BadSample => 'error' in sample

export type LoaderData = IndexedData | StreamedData | readonly Sample[]

export const captionsOf = ({ text }: Sample): readonly string[] => (typeof text === 'string' ? [text] : text)

/** Data that can be asked in any order, an array of samples too. */
export const listed = (data: IndexedData | readonly Sample[]): IndexedData =>
  'get' in data
    ? data
    : {
        length: data.length,
        get: (index) => data[index]!,
        keysOf(index) {
          const sample = data[index]!
          const { key, group } = sample
          return [
            ...(key === undefined ? [] : [`image ${key}`]),
            ...captionsOf(sample),
            ...(group === undefined ? [] : [`group ${group}`]),
          ]
        },
      }
