import { unsupported } from './errors'
import { FLOAT, PHOTOMETRIC, type Kind } from './kind'

const REVERSED = Uint8Array.from({ length: 256 }, (_, byte) => {
  let result = 0
  for (let bit = 0; bit < 8; bit++) result |= ((byte >> bit) & 1) << (7 - bit)
  return result
})

/** A copy whose bytes have their highest bit first. */
export const withBitsReversed = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => REVERSED[byte]!)

/** Turns samples of 16 and 32 bits into little-endian ones, in place. */
export function swapBytes(bytes: Uint8Array, bits: number): void {
  const size = bits / 8
  for (let at = 0; at + size <= bytes.length; at += size) bytes.subarray(at, at + size).reverse()
}

/**
 * Undoes the differences between neighbours, in place.
 * @param stride samples of a pixel in `bytes`
 * @param line bytes of a row
 */
export function undoPredictor(bytes: Uint8Array, predictor: number, kind: Kind, stride: number, line: number): void {
  const { bits, sampleFormat } = kind
  const wrong = predictor === 3 ? sampleFormat !== FLOAT : predictor !== 2 || ![8, 16, 32].includes(bits)
  if (wrong) throw unsupported(`predictor ${predictor} at ${bits} bits`)
  const size = bits / 8
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let start = 0; start + line <= bytes.length; start += line) {
    const row = bytes.subarray(start, start + line)
    if (predictor === 3 || bits === 8) for (let i = stride; i < line; i++) row[i]! += row[i - stride]!
    else
      for (let at = start + stride * size; at < start + line; at += size) {
        const before = at - stride * size
        if (bits === 16) view.setUint16(at, view.getUint16(at, true) + view.getUint16(before, true), true)
        else view.setUint32(at, view.getUint32(at, true) + view.getUint32(before, true), true)
      }
    // Of floats all highest bytes come first, then all second ones ...
    if (predictor === 3) {
      const planes = row.slice()
      const count = line / size
      for (let i = 0; i < count; i++)
        for (let byte = 0; byte < size; byte++) row[i * size + byte] = planes[(size - 1 - byte) * count + i]!
    }
  }
}

const clipped = (value: number): number => (value > 0 ? Math.min(255, Math.trunc(value)) : 0)

/**
 * Samples as bytes, as Pillow makes them: colours of 16 bits lose their lower half, deep grey is clipped.
 * @param bytes rows that each begin at a byte, little-endian
 * @param perRow samples in a row
 */
export function toBytes(
  bytes: Uint8Array,
  { bits, photometric, samples, sampleFormat }: Kind,
  perRow: number,
): Uint8Array {
  if (bits === 8) return bytes
  const line = Math.ceil((perRow * bits) / 8)
  const rows = Math.floor(bytes.length / line)
  const result = new Uint8Array(rows * perRow)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const read = reader()
  for (let y = 0, to = 0; y < rows; y++) for (let x = 0; x < perRow; x++) result[to++] = read(y * line, x)
  return result

  function reader(): (start: number, index: number) => number {
    if (bits < 8) {
      const mask = (1 << bits) - 1
      const scale = photometric === PHOTOMETRIC.palette ? 1 : 255 / mask
      return (start, index) => {
        const bit = index * bits
        return ((bytes[start + (bit >> 3)]! >> (8 - bits - (bit & 7))) & mask) * scale
      }
    }
    if (bits === 12)
      return (start, index) => {
        const word = view.getUint16(start + ((index * 12) >> 3))
        return Math.min(255, index & 1 ? word & 0xfff : word >> 4)
      }
    if (bits === 16) {
      if (samples > 1 || photometric > PHOTOMETRIC.blackIsZero) return (start, index) => bytes[start + index * 2 + 1]!
      if (sampleFormat === 1) return (start, index) => clipped(view.getUint16(start + index * 2, true))
      return (start, index) => clipped(view.getInt16(start + index * 2, true))
    }
    // Pillow keeps whole numbers of 32 bits as signed ones.
    if (sampleFormat === FLOAT) return (start, index) => clipped(view.getFloat32(start + index * 4, true))
    return (start, index) => clipped(view.getInt32(start + index * 4, true))
  }
}
