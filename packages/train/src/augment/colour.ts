import { OptionError, type RawImage } from '@dual-encoder/core'
import { checkOptions } from '@dual-encoder/core/backend'
import { resizeImage } from '@dual-encoder/core/training'
import type { Random } from '../random'
import type { Augmentation } from './augment'

/** Pillow's luma of a pixel. */
const lumaAt = (data: ArrayLike<number>, at: number): number =>
  (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16

const byte = (value: number): number => Math.min(255, Math.max(0, Math.round(value)))

function changed({ data, width, height }: RawImage, value: (byte: number, at: number) => number): RawImage {
  const out = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i++) out[i] = value(data[i]!, i)
  return { data: out, width, height, channels: 3 }
}

/** What becomes of a byte wherever it stands is computed 256 times, and not for each of them. */
function mapped({ data, width, height }: RawImage, value: (byte: number) => number): RawImage {
  const table = Uint8Array.from({ length: 256 }, (_, i) => byte(value(i)))
  const out = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i++) out[i] = table[data[i]!]!
  return { data: out, width, height, channels: 3 }
}

function saturated({ data, width, height }: RawImage, factor: number): RawImage {
  const out = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i += 3) {
    const luma = lumaAt(data, i)
    for (let c = i; c < i + 3; c++) out[c] = byte(luma + (data[c]! - luma) * factor)
  }
  return { data: out, width, height, channels: 3 }
}

/** Black and white. */
export const grayscale: Augmentation = (image) => saturated(image, 0)

export interface ColorJitterOptions {
  /** Each between 1 - x and 1 + x, as torchvision's `ColorJitter` has it. Default: 0. */
  brightness?: number
  contrast?: number
  saturation?: number
}

/** Brightness, contrast and saturation in an order of chance. */
export function colorJitter(options: ColorJitterOptions): Augmentation {
  checkOptions(options, ['brightness', 'contrast', 'saturation'], 'colorJitter')
  const { brightness = 0, contrast = 0, saturation = 0 } = options
  for (const [name, strength] of Object.entries({ brightness, contrast, saturation }))
    if (!(strength >= 0))
      throw new OptionError('bad-option', `colorJitter: ${name} is ${strength}; 0 or more is needed.`)
  const factor = (random: Random, strength: number) => random.between(Math.max(0, 1 - strength), 1 + strength)
  return (image, random) => {
    const steps: ((image: RawImage) => RawImage)[] = []
    const [b, c, s] = [brightness, contrast, saturation].map((strength) => factor(random, strength)) as [
      number,
      number,
      number,
    ]
    if (brightness > 0) steps.push((x) => mapped(x, (value) => value * b))
    if (contrast > 0)
      steps.push((x) => {
        const mean = meanLuma(x)
        return mapped(x, (value) => mean + (value - mean) * c)
      })
    if (saturation > 0) steps.push((x) => saturated(x, s))
    let current = image
    while (steps.length > 0) current = steps.splice(random.below(steps.length), 1)[0]!(current)
    return current
  }
}

function meanLuma({ data }: RawImage): number {
  let sum = 0
  for (let i = 0; i < data.length; i += 3) sum += lumaAt(data, i)
  return Math.round(sum / (data.length / 3))
}

export interface RandomBackgroundOptions {
  /** Pictures to put behind; plain colours of chance where there are none. */
  backgrounds?: readonly RawImage[]
  /** What counts as white. Default: 245. */
  threshold?: number
}

/** Another background behind a picture on white: what is white and joined to the border makes way. */
export function randomBackground(options: RandomBackgroundOptions = {}): Augmentation {
  checkOptions(options, ['backgrounds', 'threshold'], 'randomBackground')
  const { backgrounds = [], threshold = 245 } = options
  return (image, random) => {
    const { width, height } = image
    const colour = [random.below(256), random.below(256), random.below(256)]
    const picture = backgrounds[random.below(Math.max(1, backgrounds.length))]
    const behind = picture && resizeImage(picture, width, height, 'bilinear', { backend: 'torchvision', pillow: 13 })
    const outside = outsideOf(image, threshold)
    return changed(image, (value, i) => (outside[Math.trunc(i / 3)] ? (behind?.data[i] ?? colour[i % 3]!) : value))
  }
}

/** 1 for pixels that are white and reach the border through white ones. */
function outsideOf({ data, width, height }: RawImage, threshold: number): Uint8Array {
  const outside = new Uint8Array(width * height)
  const stack: number[] = []
  const visit = (x: number, y: number): void => {
    if (x < 0 || y < 0 || x >= width || y >= height) return
    const pixel = y * width + x
    if (outside[pixel] === 1) return
    for (let c = 0; c < 3; c++) if (data[pixel * 3 + c]! < threshold) return
    outside[pixel] = 1
    stack.push(pixel)
  }
  for (let x = 0; x < width; x++) [0, height - 1].forEach((y) => visit(x, y))
  for (let y = 0; y < height; y++) [0, width - 1].forEach((x) => visit(x, y))
  for (let pixel = stack.pop(); pixel !== undefined; pixel = stack.pop()) {
    const [x, y] = [pixel % width, Math.trunc(pixel / width)]
    visit(x - 1, y)
    visit(x + 1, y)
    visit(x, y - 1)
    visit(x, y + 1)
  }
  return outside
}
