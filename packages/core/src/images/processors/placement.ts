import type { Rounding } from '../resize/coefficients'
import type { ResampleName } from '../resize/filters'
import type { ImageWindow } from '../resize/resize'
import type { Normalization } from './normalize'
import { planOf } from './prepare'
import type { Settings } from './settings'
import type { HeightWidth } from './size'

/** What a processor does to a picture of one size, for whoever does it by other means (a GPU). */
export interface Placement {
  /** What the picture is resized to. */
  readonly size: HeightWidth
  readonly resample: ResampleName
  /** The part of the resized picture that is kept; zeros where it reaches beyond. */
  readonly window: ImageWindow
  readonly normalization: Normalization
}

export function placementIn(image: HeightWidth, settings: Settings, backend: Rounding): Placement {
  const { size, windows } = planOf(image, settings, backend)
  const window = windows.reduce<ImageWindow>(
    (outer, inner) => ({
      x0: outer.x0 + inner.x0,
      y0: outer.y0 + inner.y0,
      x1: outer.x0 + inner.x1,
      y1: outer.y0 + inner.y1,
    }),
    { x0: 0, y0: 0, x1: size.width, y1: size.height },
  )
  const { resize, normalization } = settings
  return { size, resample: resize?.resample ?? 'nearest', window, normalization: folded(normalization) }
}

/** The same values from factor, mean and deviation alone. */
function folded({ factor, mean, std, offset, divisor }: Normalization): Normalization {
  if (!offset && !divisor) return { factor, mean, std }
  const [means, stds] = [mean ?? [0, 0, 0], std ?? [1, 1, 1]]
  const of = (value: (channel: 0 | 1 | 2) => number) => [value(0), value(1), value(2)] as const
  return {
    factor,
    mean: of((channel) => means[channel] + (offset && factor !== undefined ? 1 : 0)),
    std: of((channel) => stds[channel] * (divisor?.[channel] ?? 1)),
  }
}
