import { TAG_TYPES, uint64 } from '../tag-types'
import { damaged } from './errors'

/** Tags by their names in the specification. */
export const TAG = {
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planarConfiguration: 284,
  t4Options: 292,
  predictor: 317,
  colorMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  yccCoefficients: 529,
  yccSubsampling: 530,
  referenceBlackWhite: 532,
  xmp: 700,
} as const

interface Field {
  readonly type: number
  readonly count: number
  /** Where its values begin. */
  readonly at: number
}

/** The first directory of a TIFF or BigTIFF file: the tags of its first picture. */
export class Directory {
  readonly #view: DataView
  readonly #fields = new Map<number, Field>()
  readonly littleEndian: boolean

  /** @throws RangeError where the file ends within the directory */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const little = view.getUint8(0) === 0x49
    this.#view = view
    this.littleEndian = little
    const big = view.getUint16(2, little) === 43
    // BigTIFF: a count of 8 bytes instead of 2, entries of 20 instead of 12.
    const start = big ? uint64(view, 8, little) : view.getUint32(4, little)
    const count = big ? uint64(view, start, little) : view.getUint16(start, little)
    const entry = big ? 20 : 12
    for (let i = 0, at = start + (big ? 8 : 2); i < count; i++, at += entry) {
      const type = view.getUint16(at + 2, little)
      const values = big ? uint64(view, at + 4, little) : view.getUint32(at + 4, little)
      const valueAt = at + (big ? 12 : 8)
      const inline = values * (TAG_TYPES[type]?.[0] ?? 1) <= (big ? 8 : 4)
      const offset = () => (big ? uint64(view, valueAt, little) : view.getUint32(valueAt, little))
      this.#fields.set(view.getUint16(at, little), { type, count: values, at: inline ? valueAt : offset() })
    }
  }

  /** All values of a tag. */
  numbers(tag: number): number[] | undefined {
    const field = this.#fields.get(tag)
    const type = field && TAG_TYPES[field.type]
    if (!type) return undefined
    const [size, read] = type
    if (field.at + field.count * size > this.#view.byteLength) throw damaged(`tag ${tag} reaches beyond its end`)
    return Array.from({ length: field.count }, (_, i) => read(this.#view, field.at + i * size, this.littleEndian))
  }

  /** The first value of a tag. */
  number(tag: number, otherwise: number): number {
    return this.numbers(tag)?.[0] ?? otherwise
  }

  /** The bytes of a tag as they are. */
  bytes(tag: number): Uint8Array | undefined {
    const values = this.numbers(tag)
    return values && Uint8Array.from(values)
  }
}
