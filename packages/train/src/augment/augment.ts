import type { RawImage } from '@dual-encoder/core'
import { atOnce, type Pieces } from '@dual-encoder/core/backend'
import { Random } from '../random'

/** Changes a picture in a way that chance decides; gives another, or the same as it is. */
export type Augmentation = (image: RawImage, random: Random) => RawImage

/**
 * A picture through augmentations. What they do is decided by seed, epoch, sample and their place in the list alone,
 * whichever thread does it, and whether or not it was done before.
 */
export const augmented = (...given: Parameters<typeof augmenting>): RawImage => atOnce(augmenting(...given))

export function* augmenting(
  image: RawImage,
  augmentations: readonly Augmentation[],
  { seed, epoch, sample }: { readonly seed: number; readonly epoch: number; readonly sample: number },
): Pieces<RawImage> {
  let current = image
  for (const [i, augment] of augmentations.entries()) {
    yield
    current = augment(current, new Random(seed, epoch, sample, i))
  }
  return current
}

/** One in so many times, by chance. */
export const sometimes =
  (probability: number, augmentation: Augmentation): Augmentation =>
  (image, random) =>
    random.next() < probability ? augmentation(image, random) : image
