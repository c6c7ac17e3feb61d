import { OptionError, type RawImage } from '@dual-encoder/core'
import { checkOptions } from '@dual-encoder/core/backend'
import { resizeImage } from '@dual-encoder/core/training'
import type { Augmentation } from './augment'

export interface RandomResizedCropOptions {
  /** Side of the square that comes out. Without it the part stays as large as it is, for the processor to resize. */
  size?: number
  /** Share of the area that is kept. Default: [0.9, 1], open_clip's; torchvision's is [0.08, 1]. */
  scale?: readonly [number, number]
  /** Width over height. Default: [3/4, 4/3]. */
  ratio?: readonly [number, number]
}

const ALGORITHM = { backend: 'torchvision', pillow: 13 } as const

/** A part of the picture, chosen as torchvision's `RandomResizedCrop` chooses, resized (bicubic). */
export function randomResizedCrop(options: RandomResizedCropOptions = {}): Augmentation {
  checkOptions(options, ['size', 'scale', 'ratio'], 'randomResizedCrop')
  const { size, scale = [0.9, 1], ratio = [3 / 4, 4 / 3] } = options
  checkRange('scale', scale, 1)
  checkRange('ratio', ratio, Infinity)
  return (image, random) => {
    const { width, height } = image
    const part = () => {
      for (let tries = 0; tries < 10; tries++) {
        const area = width * height * random.between(...scale)
        const aspect = Math.exp(random.between(Math.log(ratio[0]), Math.log(ratio[1])))
        const [w, h] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))]
        if (w > 0 && h > 0 && w <= width && h <= height)
          return { w, h, x0: random.below(width - w + 1), y0: random.below(height - h + 1) }
      }
      // The middle, as near to the whole as the ratio lets it be.
      const aspect = Math.min(Math.max(width / height, ratio[0]), ratio[1])
      const [w, h] = [Math.min(width, Math.round(height * aspect)), Math.min(height, Math.round(width / aspect))]
      return { w, h, x0: (width - w) >> 1, y0: (height - h) >> 1 }
    }
    const { w, h, x0, y0 } = part()
    const cropped = resizeImage(image, width, height, 'nearest', ALGORITHM, { x0, y0, x1: x0 + w, y1: y0 + h })
    return size === undefined ? cropped : resizeImage(cropped, size, size, 'bicubic', ALGORITHM)
  }
}

function checkRange(name: string, [low, high]: readonly [number, number], most: number): void {
  if (low > 0 && low <= high && high <= most) return
  throw new OptionError(
    'bad-option',
    `${name} is [${low}, ${high}]; a range above 0${most === 1 ? ' and up to 1' : ''} is needed.`,
  )
}

/** Left becomes right. */
export const horizontalFlip: Augmentation = ({ data, width, height }) => {
  const flipped = new Uint8Array(data.length)
  for (let y = 0, to = 0; y < height; y++)
    for (let x = width - 1; x >= 0; x--) {
      const from = (y * width + x) * 3
      flipped[to++] = data[from]!
      flipped[to++] = data[from + 1]!
      flipped[to++] = data[from + 2]!
    }
  return { data: flipped, width, height, channels: 3 }
}

export interface RandomAffineOptions {
  /** Turned by up to so many degrees either way. Default: 0. */
  degrees?: number
  /** Moved by up to this share of width and height. Default: 0. */
  translate?: number
  /** Default: [1, 1]. */
  scale?: readonly [number, number]
  /** What shows where the picture does not reach. Default: white. */
  fill?: readonly [number, number, number]
}

/** Turned about its middle, scaled and moved; bilinear. */
export function randomAffine(options: RandomAffineOptions = {}): Augmentation {
  checkOptions(options, ['degrees', 'translate', 'scale', 'fill'], 'randomAffine')
  const { degrees = 0, translate = 0, scale = [1, 1], fill = [255, 255, 255] } = options
  checkRange('scale', scale, Infinity)
  return (image, random) => {
    const angle = (random.between(-degrees, degrees) * Math.PI) / 180
    const zoom = random.between(...scale)
    const [dx, dy] = [image.width, image.height].map((side) => side * random.between(-translate, translate))
    const [cos, sin] = [Math.cos(angle) / zoom, Math.sin(angle) / zoom]
    const [cx, cy] = [(image.width - 1) / 2, (image.height - 1) / 2]
    return resampled(image, fill, (x, y) => {
      const [u, v] = [x - cx - dx!, y - cy - dy!]
      return [cx + cos * u + sin * v, cy - sin * u + cos * v]
    })
  }
}

/** Each pixel from where `from` says it lies in the picture. */
function resampled(
  { data, width, height }: RawImage,
  fill: readonly [number, number, number],
  from: (x: number, y: number) => readonly [number, number],
): RawImage {
  const out = new Uint8Array(data.length)
  /** Where a pixel begins; below 0 outside the picture. */
  const at = (x: number, y: number): number => (x >= 0 && y >= 0 && x < width && y < height ? (y * width + x) * 3 : -1)
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [sx, sy] = from(x, y)
      const [x0, y0] = [Math.floor(sx), Math.floor(sy)]
      const [fx, fy] = [sx - x0, sy - y0]
      const [a, b, c, d] = [at(x0, y0), at(x0 + 1, y0), at(x0, y0 + 1), at(x0 + 1, y0 + 1)]
      for (let i = 0; i < 3; i++) {
        const beyond = fill[i]!
        const upper = (a < 0 ? beyond : data[a + i]!) * (1 - fx) + (b < 0 ? beyond : data[b + i]!) * fx
        const lower = (c < 0 ? beyond : data[c + i]!) * (1 - fx) + (d < 0 ? beyond : data[d + i]!) * fx
        out[to++] = Math.round(upper * (1 - fy) + lower * fy)
      }
    }
  return { data: out, width, height, channels: 3 }
}
