import { InputError, OptionError } from '../../base/errors'
import { tensor, type Tensor } from '../../base/tensor'
import { breathe } from '../../platform/breathe'
import { checkPixels } from '../limits'
import type { Planes } from '../workers/planes'
import type { Task } from './prepare'

/** A prepared picture and its place among the inputs. */
export interface Row {
  readonly index: number
  readonly planes: Planes
}

/** `[N, 3, H, W]` from images of one size, or padded at the right and bottom with zeros. */
export async function stack(
  rows: readonly Row[],
  { settings, maxPixels }: Task,
  out?: Float32Array,
): Promise<Tensor<'float32'>> {
  const first = rows[0]?.planes
  let height = first?.height ?? 0
  let width = first?.width ?? 0
  if (settings.pad === 'batch') {
    height = rows.reduce((max, { planes }) => Math.max(max, planes.height), 0)
    width = rows.reduce((max, { planes }) => Math.max(max, planes.width), 0)
  } else if (settings.pad) ({ height, width } = settings.pad)

  for (const { planes, index } of rows) {
    const fits = settings.pad
      ? planes.height <= height && planes.width <= width
      : planes.height === height && planes.width === width
    if (fits) continue
    throw new InputError(
      'image-batch-sizes',
      `images[${index}] is ${planes.height}x${planes.width} (height x width) after resizing and cropping, ` +
        (settings.pad
          ? `larger than padSize ${height}x${width}.`
          : `images[${rows[0]!.index}] ${height}x${width}: they make no batch. Set size or cropSize to a fixed height and width, or doPad.`),
    )
  }

  if (settings.pad && first) checkPixels(width, height, maxPixels, 'The padded image')
  const perImage = 3 * height * width
  const total = rows.length * perImage
  if (out && out.length < total)
    throw new OptionError('image-out-size', `out holds ${out.length} values; ${total} are needed.`)
  const dims = [rows.length, 3, height, width]
  if (!out && rows.length === 1 && first?.data.length === total) return tensor(first.data, dims, 'float32')
  const data = out ? out.subarray(0, total) : new Float32Array(total)
  if (out && settings.pad) data.fill(0)
  for (const [row, { planes }] of rows.entries()) {
    writeRow(planes, data.subarray(row * perImage, (row + 1) * perImage), height, width)
    await breathe()
  }
  return tensor(data, dims, 'float32')
}

/** Into the top left corner of `[3, height, width]`; the rest stays. */
function writeRow(planes: Planes, target: Float32Array, height: number, width: number): void {
  if (planes.height === height && planes.width === width) return target.set(planes.data)
  for (let channel = 0; channel < 3; channel++)
    for (let y = 0; y < planes.height; y++) {
      const from = (channel * planes.height + y) * planes.width
      target.set(planes.data.subarray(from, from + planes.width), (channel * height + y) * width)
    }
}
