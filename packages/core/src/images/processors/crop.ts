import type { RawImage } from '../raw-image'
import type { Rounding } from '../resize/coefficients'
import type { ImageWindow } from '../resize/resize'
import type { Rgb } from '../transparency'
import { type HeightWidth, roundHalfEven } from './size'

/**
 * Where a center crop lies in an image of `size`; beyond its edges where the image is smaller. An odd remainder goes
 * to the top left with Pillow's processors and to the bottom right with torchvision's; torchvision's own `CenterCrop`, which
 * open_clip calls, rounds as Python.
 */
export function centerWindow(size: HeightWidth, crop: HeightWidth, backend: Rounding | 'python'): ImageWindow {
  const python = (half: number) => (half < 0 ? Math.trunc(half) : roundHalfEven(half))
  const round = { pil: Math.floor, torchvision: Math.trunc, python }[backend]
  const y0 = round((size.height - crop.height) / 2)
  const x0 = round((size.width - crop.width) / 2)
  return { x0, y0, x1: x0 + crop.width, y1: y0 + crop.height }
}

/** The part of `window` that lies inside an image of `size`. */
export function insideOf(window: ImageWindow, { height, width }: HeightWidth): ImageWindow {
  return {
    x0: Math.max(window.x0, 0),
    y0: Math.max(window.y0, 0),
    x1: Math.min(window.x1, width),
    y1: Math.min(window.y1, height),
  }
}

const BLACK: Rgb = [0, 0, 0]

/** Sets `image`, whose top left pixel lies at (x, y), into `window`; the rest is `fill`. */
export function onFill(image: RawImage, x: number, y: number, window: ImageWindow, fill: Rgb = BLACK): RawImage {
  const width = window.x1 - window.x0
  const height = window.y1 - window.y0
  if (image.width === width && image.height === height) return image
  const data = new Uint8Array(width * height * 3)
  if (fill.some((value) => value !== 0)) for (let i = 0; i < data.length; i++) data[i] = fill[i % 3]!
  for (let row = 0; row < image.height; row++) {
    const from = row * image.width * 3
    data.set(image.data.subarray(from, from + image.width * 3), ((y - window.y0 + row) * width + x - window.x0) * 3)
  }
  return { data, width, height, channels: 3 }
}
