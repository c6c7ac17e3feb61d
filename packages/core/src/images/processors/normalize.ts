import type { RawImage } from '../raw-image'
import type { Rounding } from '../resize/coefficients'
import { Places, simd } from '../resize/simd-memory'

export interface Normalization {
  /** Undefined: not rescaled. */
  readonly factor?: number
  /** Undefined: not normalised. */
  readonly mean?: readonly [number, number, number]
  readonly std?: readonly [number, number, number]
}

/**
 * What each of the 256 byte values becomes in each channel: `[3][256]`.
 * Pillow's processors rescale in float64 and normalise in float32; torchvision's fold the factor into mean and std.
 */
export function byteTables(normalization: Normalization, backend: Rounding): readonly Float32Array[] {
  const key = JSON.stringify([normalization, backend])
  if (last?.key !== key) last = { key, tables: makeTables(normalization, backend) }
  return last.tables
}

/** One model's pictures are all normalised in the same way. */
let last: { readonly key: string; readonly tables: readonly Float32Array[] } | undefined

function makeTables({ factor, mean, std }: Normalization, backend: Rounding): Float32Array[] {
  const f = Math.fround
  return [0, 1, 2].map((channel) =>
    Float32Array.from({ length: 256 }, (_, byte) => {
      if (!mean || !std) {
        if (factor === undefined) return byte
        return backend === 'pil' ? byte * factor : byte * f(factor)
      }
      if (backend === 'torchvision' && factor !== undefined) {
        const unit = f(1 / factor)
        return f(byte - f(f(mean[channel]!) * unit)) / f(f(std[channel]!) * unit)
      }
      const value = factor === undefined ? byte : f(byte * factor)
      return f(value - f(mean[channel]!)) / f(std[channel]!)
    }),
  )
}

/** An image as planes, `[3, height, width]`. */
export function toPlanes(image: RawImage, tables: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  return simdPlanes(image, tables) ?? plainPlanes(image, tables)
}

export function plainPlanes(
  { data, height, width }: RawImage,
  tables: readonly Float32Array[],
): Float32Array<ArrayBuffer> {
  const [red, green, blue] = tables as [Float32Array, Float32Array, Float32Array]
  const plane = height * width
  const target = new Float32Array(3 * plane)
  for (let to = 0, from = 0; to < plane; to++, from += 3) {
    target[to] = red[data[from]!]!
    target[to + plane] = green[data[from + 1]!]!
    target[to + 2 * plane] = blue[data[from + 2]!]!
  }
  return target
}

/** @returns undefined where it cannot be done in WebAssembly */
export function simdPlanes(
  { data, height, width }: RawImage,
  tables: readonly Float32Array[],
): Float32Array<ArrayBuffer> | undefined {
  const wasm = simd()
  const places = new Places()
  const source = places.reserve(data.length)
  const table = places.reserve(3 * 256 * 4)
  const target = places.reserve(data.length * 4)
  const memory = wasm && places.memory(wasm)
  if (!memory) return undefined
  memory.set(data, source)
  const floats = new Float32Array(memory.buffer as ArrayBuffer)
  tables.forEach((values, channel) => floats.set(values, (table >> 2) + channel * 256))
  wasm.planes(source, height * width, table, target)
  return floats.slice(target >> 2, (target >> 2) + data.length)
}
