import type { RawImage } from '../raw-image'

export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** Turns and mirrors a picture upright, as EXIF orientation asks. */
export function orient(image: RawImage, orientation: Orientation): RawImage {
  if (orientation === 1) return image
  const swapped = orientation >= 5
  const width = swapped ? image.height : image.width
  const height = swapped ? image.width : image.height
  const fromRight = [2, 3, 7, 8].includes(orientation)
  const fromBottom = [3, 4, 6, 7].includes(orientation)
  const data = new Uint8Array(width * height * 3)
  const alpha = image.alpha && new Uint8Array(width * height)
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = swapped ? [y, x] : [x, y]
      const sourceX = fromRight ? image.width - 1 - column : column
      const sourceY = fromBottom ? image.height - 1 - row : row
      const from = (sourceY * image.width + sourceX) * 3
      if (alpha) alpha[to / 3] = image.alpha![from / 3]!
      data[to++] = image.data[from]!
      data[to++] = image.data[from + 1]!
      data[to++] = image.data[from + 2]!
    }
  }
  return { data, width, height, channels: 3, alpha }
}
