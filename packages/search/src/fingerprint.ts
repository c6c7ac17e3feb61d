import {
  type ImageEncoder,
  type PrepareImages,
  SourceError,
  type Tensor,
  type TextFeatureEncoder,
  type TextProcessor,
} from '@dual-encoder/core'

/** A model that embeds both, whichever backend it runs on. */
export interface PairEncoder extends ImageEncoder, TextFeatureEncoder {}

/** A processor of both: `VisionTextDualEncoderProcessor`. */
export type PairProcessor = TextProcessor & { readonly imageProcessor: PrepareImages }

/** What a model makes of one picture and one text: tells models apart, whatever they are called and wherever they run. */
export interface Fingerprint {
  /** Unit vectors `[D]`. */
  readonly image: readonly number[]
  readonly text: readonly number[]
}

const TEXT = 'A red bicycle leans against a white wall; two birds watch it.'
/** 1 - cosine: engines and threads differ by 1e-6, preparing pictures otherwise by 1e-3 and more, models by 0.1. */
const SAME = 2e-4

/** Shapes and noise in colour: what resizing, cropping and normalising change. */
function picture(): { data: Uint8ClampedArray; width: number; height: number; channels: 3 } {
  const [width, height] = [320, 240]
  const data = new Uint8ClampedArray(width * height * 3)
  let noise = 1
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)]
    noise = (Math.imul(noise, 1103515245) + 12345) >>> 0
    const inside = (x - 110) ** 2 + (y - 120) ** 2 < 60 ** 2
    data.set([inside ? 220 : x * 0.7, inside ? 40 : y, ((noise >>> 24) + (x > 200 ? 180 : 20)) / 2], 3 * i)
  }
  return { data, width, height, channels: 3 }
}

export async function fingerprintOf(model: PairEncoder, processor: PairProcessor): Promise<Fingerprint> {
  const { pixelValues } = await processor.imageProcessor([picture()])
  const image = await model.getImageFeatures({ pixelValues }, { normalize: true })
  const text = await model.getTextFeatures(await processor({ text: [TEXT] }), { normalize: true })
  const rounded = ({ data }: Tensor) => Array.from(data as Float32Array, (value) => Number(value.toFixed(6)))
  return { image: rounded(image), text: rounded(text) }
}

/** @throws SourceError `wrong-model` where `found` is not what `recorded` was made by */
export function checkFingerprint(recorded: Fingerprint, found: Fingerprint, where: string): void {
  const differs = (['image', 'text'] as const).filter((kind) => !(1 - cosine(recorded[kind], found[kind]) < SAME))
  if (differs.length === 0) return
  const sizes =
    recorded.image.length === found.image.length ? '' : ` (${recorded.image.length} numbers, not ${found.image.length})`
  throw new SourceError(
    'wrong-model',
    `${where} was made by another model or other preprocessing: it embeds ${differs.map((kind) => `${kind}s`).join(' and ')} ` +
      `otherwise${sizes}. Give the model that it was made by, or make it anew.`,
  )
}

/** NaN, which is near nothing, where lengths differ. */
function cosine(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return NaN
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0) / (Math.hypot(...a) * Math.hypot(...b))
}
