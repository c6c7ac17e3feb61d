import { ImageError } from '../../../base/errors'

export const damaged = (why: string) =>
  new ImageError('image-corrupt', `The JPEG image is damaged or incomplete: ${why}.`)
const unsupported = (what: string) =>
  new ImageError('image-unsupported-format', `JPEG images with ${what} are not supported. Save the picture as PNG.`)

/** One colour of a frame. Blocks are 8x8, and whole MCUs of them are kept. */
export interface Component {
  readonly id: number
  /** Sampling factors. */
  readonly h: number
  readonly v: number
  readonly quantizer: number
  /** Samples that belong to the picture. */
  readonly width: number
  readonly height: number
  /** Blocks kept in a row, and rows of them. */
  readonly blocksAcross: number
  readonly blocksDown: number
  /** `[blocksDown, blocksAcross, 64]` in natural order, not yet multiplied by the quantizer. */
  readonly coefficients: Int16Array
}

export interface Frame {
  readonly width: number
  readonly height: number
  readonly progressive: boolean
  readonly maxH: number
  readonly maxV: number
  readonly components: readonly Component[]
}

const MAX_SAMPLING = 4

/** The body of a start-of-frame segment (after its length). */
export function readFrame(marker: number, view: DataView): Frame {
  if (marker > 0xc2) throw unsupported(marker >= 0xc9 ? 'arithmetic coding' : 'lossless or hierarchical coding')
  if (view.getUint8(0) !== 8) throw unsupported(`${view.getUint8(0)} bits per sample`)
  const height = view.getUint16(1)
  const width = view.getUint16(3)
  const count = view.getUint8(5)
  if (width === 0 || height === 0) throw damaged(`it is ${width}x${height}`)
  if (![1, 3, 4].includes(count)) throw unsupported(`${count} colours`)
  const heads = Array.from({ length: count }, (_, i) => {
    const sampling = view.getUint8(7 + i * 3)
    return { id: view.getUint8(6 + i * 3), h: sampling >> 4, v: sampling & 15, quantizer: view.getUint8(8 + i * 3) }
  })
  if (heads.some(({ h, v }) => h < 1 || v < 1 || h > MAX_SAMPLING || v > MAX_SAMPLING))
    throw damaged('impossible sampling factors')
  const maxH = Math.max(...heads.map(({ h }) => h))
  const maxV = Math.max(...heads.map(({ v }) => v))
  if (heads.some(({ h, v }) => maxH % h || maxV % v)) throw unsupported('fractional sampling factors')
  const mcusAcross = Math.ceil(width / (8 * maxH))
  const mcusDown = Math.ceil(height / (8 * maxV))
  const components = heads.map((head): Component => {
    const blocksAcross = mcusAcross * head.h
    const blocksDown = mcusDown * head.v
    return {
      ...head,
      width: Math.ceil((width * head.h) / maxH),
      height: Math.ceil((height * head.v) / maxV),
      blocksAcross,
      blocksDown,
      coefficients: new Int16Array(blocksAcross * blocksDown * 64),
    }
  })
  return { width, height, progressive: marker === 0xc2, maxH, maxV, components }
}
