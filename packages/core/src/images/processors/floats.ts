import { checkPixels, checkSides } from '../limits'
import type { RawImage } from '../raw-image'
import { floatFilter, resizeFloats } from '../resize/floats'
import { normalized, type Planes, rescaled } from './normalize'
import { placementIn } from './placement'
import type { Task } from './prepare'

/** A picture that is rescaled before it is resized, so that pixels are float32 from there on (DINOv3). */
export function floatPlanes(image: RawImage, { settings, backend, maxPixels }: Task): Planes {
  const { size, window, resample } = placementIn(image, settings, backend)
  const { normalization } = settings
  const [height, width] = [window.y1 - window.y0, window.x1 - window.x0]
  checkSides(size.width, size.height)
  checkPixels(size.width, size.height, maxPixels, 'The resized image')
  checkPixels(width, height, maxPixels, 'The cropped image')
  const values = Float32Array.from({ length: 256 }, (_, byte) => rescaled(byte, normalization, backend))
  const data = new Float32Array(3 * height * width)
  const row = new Float32Array(image.width)
  for (let channel = 0; channel < 3; channel++) {
    const rowAt = (y: number) => {
      const from = y * image.width * 3 + channel
      for (let x = 0; x < image.width; x++) row[x] = values[image.data[from + x * 3]!]!
      return row
    }
    const resized = resizeFloats(rowAt, image, size, () => floatFilter(resample))
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [fromY, fromX] = [y + window.y0, x + window.x0]
        const inside = fromY >= 0 && fromX >= 0 && fromY < size.height && fromX < size.width
        const value = inside ? resized[fromY * size.width + fromX]! : 0
        data[(channel * height + y) * width + x] = normalized(value, channel, normalization)
      }
  }
  return { data, height, width }
}
