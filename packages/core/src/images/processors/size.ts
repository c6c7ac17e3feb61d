import { ImageError, OptionError } from '../../base/errors'

export interface HeightWidth {
  readonly height: number
  readonly width: number
}

/** A `size` of a config in one of the forms of transformers' `SizeDict`, by its names on disk. */
export type Size = Readonly<
  Partial<
    Record<
      'height' | 'width' | 'shortest_edge' | 'longest_edge' | 'max_height' | 'max_width' | 'min_pixels' | 'max_pixels',
      number
    >
  >
>

/** As callers write it: pixels, `[height, width]`, or an object in camelCase or snake_case. */
export type SizeLike = number | readonly [height: number, width: number] | Readonly<Record<string, number>>

const FORMS = [
  ['height', 'width'],
  ['shortest_edge'],
  ['longest_edge', 'shortest_edge'],
  ['longest_edge'],
  ['max_height', 'max_width'],
  ['max_pixels', 'min_pixels'],
]
const FORM_LIST = FORMS.map((form) => `{ ${form.join(', ')} }`).join(', ')

const isPixels = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value > 0

/**
 * A size in any of the forms that configs have had, as a dictionary; null and undefined stay.
 * @param square whether one number means a square or the shortest edge
 * @throws OptionError for any other form
 */
export function sizeDict(value: unknown, square: boolean, field: string): Size | null | undefined {
  if (value === null || value === undefined) return value
  const list: readonly unknown[] | undefined = Array.isArray(value) ? value : undefined
  let size: unknown
  if (typeof value === 'number') size = square ? { height: value, width: value } : { shortest_edge: value }
  else if (list) size = list.length === 2 ? { height: list[0], width: list[1] } : undefined
  else size = value

  if (typeof size === 'object' && size !== null) {
    const keys = Object.keys(size).sort()
    const known = FORMS.some((form) => form.length === keys.length && form.every((key, i) => key === keys[i]))
    if (known && Object.values(size).every(isPixels)) return size
  }
  throw new OptionError(
    'image-size',
    `${field}: got ${JSON.stringify(value)}. Give a positive whole number of pixels, [height, width], or one of ${FORM_LIST}.`,
  )
}

/** Python's `round`: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/** transformers' `get_resize_output_image_size` with the shortest edge given. */
export function fitShortestEdge({ height, width }: HeightWidth, edge: number): HeightWidth {
  const long = Math.trunc((edge * Math.max(height, width)) / Math.min(height, width))
  return width <= height ? { height: long, width: edge } : { height: edge, width: long }
}

/** transformers' `get_size_with_aspect_ratio`: the shortest edge, unless the longest would pass `longest`. */
function fitBothEdges({ height, width }: HeightWidth, shortest: number, longest: number): HeightWidth {
  const min = Math.min(height, width)
  const max = Math.max(height, width)
  let raw = shortest
  let edge = shortest
  if ((max / min) * shortest > longest) {
    raw = (longest * min) / max
    edge = roundHalfEven(raw)
  }
  if (min === edge) return { height, width }
  return width < height
    ? { height: Math.trunc((raw * height) / width), width: edge }
    : { height: edge, width: Math.trunc((raw * width) / height) }
}

/** timm's `ResizeKeepRatio`: one edge meets the target, the other is longer or, with `longest`, shorter. */
export function keepRatio({ height, width }: HeightWidth, target: HeightWidth, longest: boolean): HeightWidth {
  const ratios = [height / target.height, width / target.width]
  const ratio = longest ? Math.max(...ratios) : Math.min(...ratios)
  return notNothing({ height, width }, target, {
    height: roundHalfEven(height / ratio),
    width: roundHalfEven(width / ratio),
  })
}

/** The size that an image is resized to. As `resize` of transformers' image processing backends. */
export const targetSize = (image: HeightWidth, size: Size): HeightWidth => notNothing(image, size, fitSize(image, size))

function notNothing(image: HeightWidth, size: Size, target: HeightWidth): HeightWidth {
  if (target.height < 1 || target.width < 1)
    throw new ImageError(
      'image-zero-size',
      `A ${image.width}x${image.height} image resized to ${JSON.stringify(size)} would be ${target.width}x${target.height}:` +
        ' its sides are too unequal. Crop it first.',
    )
  return target
}

function fitSize(image: HeightWidth, size: Size): HeightWidth {
  if (size.shortest_edge && size.longest_edge) return fitBothEdges(image, size.shortest_edge, size.longest_edge)
  if (size.shortest_edge) return fitShortestEdge(image, size.shortest_edge)
  if (size.max_height && size.max_width) {
    const scale = Math.min(size.max_height / image.height, size.max_width / image.width)
    return { height: Math.trunc(image.height * scale), width: Math.trunc(image.width * scale) }
  }
  if (size.height && size.width) return { height: size.height, width: size.width }
  throw new OptionError(
    'image-size',
    `size: ${JSON.stringify(size)} cannot be resized to.` +
      ' Give { height, width }, { shortest_edge }, { shortest_edge, longest_edge } or { max_height, max_width }.',
  )
}
