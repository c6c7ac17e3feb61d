import { type RawImage, type Tensor, tensor } from '@dual-encoder/core'
import { Sha256 } from '@dual-encoder/core/training'
import { type Augmentation, augmented } from '../augment/augment'
import type { BatchProcessor } from '../data/sides'

/** A short name for anything that is bytes and text. */
export function digest(...parts: readonly (string | ArrayBufferView)[]): string {
  const hash = new Sha256()
  for (const part of parts)
    hash.update(
      typeof part === 'string'
        ? new TextEncoder().encode(`${part.length}:${part}`)
        : new Uint8Array(part.buffer, part.byteOffset, part.byteLength),
    )
  return hash.hex().slice(0, 16)
}

/** A picture in which every pixel is another, so that whatever is done to pictures shows. */
export function probeImage(width = 48, height = 40): RawImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, channel] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3]
    const edge = x < 6 || y < 5 || x >= width - 6 || y >= height - 5
    return edge ? 255 : (x * 5 * (channel + 1) + y * 7 + channel * 40) % 256
  })
  return { data, width, height, channels: 3 }
}

/** How often augmentations are tried: what happens to one picture in ten shows in all but one of a thousand keys. */
const TRIES = 64

/** What a processor and augmentations do to pictures, by what they do to one. */
export async function picturesKey(
  processor: BatchProcessor,
  augment: readonly Augmentation[],
  seed: number,
): Promise<{ readonly key: string; readonly pixelValues: Tensor<'float32'> }> {
  const image = probeImage()
  const { pixelValues } = (await processor({ images: [image] })) as { pixelValues: Tensor<'float32'> }
  const tries = augment.length === 0 ? [] : Array.from({ length: TRIES }, (_, sample) => sample)
  const changed = tries.map((sample) => augmented(image, augment, { seed, epoch: 0, sample }))
  const key = digest(
    pixelValues.dims.join(),
    pixelValues.data,
    ...changed.flatMap(({ data, width }) => [`${width}`, data]),
  )
  return { key, pixelValues: tensor(pixelValues.data, pixelValues.dims) }
}
