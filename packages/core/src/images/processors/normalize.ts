import type { RawImage } from '../raw-image'
import type { Rounding } from '../resize/coefficients'
import { Reservations } from '../../platform/wasm'
import { simd } from '../resize/simd-memory'

/** A prepared picture: `[3, height, width]`. */
export interface Planes {
  readonly data: Float32Array<ArrayBuffer>
  readonly height: number
  readonly width: number
}

export interface Normalization {
  /** Undefined: not rescaled. */
  readonly factor?: number
  /** Undefined: not normalised. */
  readonly mean?: readonly [number, number, number]
  readonly std?: readonly [number, number, number]
  /** Set where 1 is taken off what is rescaled (EfficientNet's `rescale_offset`). */
  readonly offset?: boolean
  /** What all is divided by in the end (EfficientNet's `include_top`). */
  readonly divisor?: readonly [number, number, number]
  /** Set where torchvision's processor does one after the other (DINOv3). */
  readonly apart?: boolean
}

const f = Math.fround

/** What becomes of a byte before it is normalised: Pillow's processors rescale in float64. */
export function rescaled(byte: number, { factor, offset }: Normalization, backend: Rounding): number {
  if (factor === undefined) return byte
  const value = f(byte * (backend === 'pil' ? factor : f(factor)))
  return offset ? f(value - 1) : value
}

export const normalized = (value: number, channel: number, { mean, std }: Normalization): number =>
  mean && std ? f(f(value - f(mean[channel]!)) / f(std[channel]!)) : value

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

function makeTables(normalization: Normalization, backend: Rounding): Float32Array[] {
  const { factor, mean, std, offset, divisor, apart } = normalization
  const folds = backend === 'torchvision' && factor !== undefined && !offset && !apart
  const valueOf = (byte: number, channel: number): number => {
    if (!folds || !mean || !std) return normalized(rescaled(byte, normalization, backend), channel, normalization)
    const unit = f(1 / factor)
    return f(f(byte - f(f(mean[channel]!) * unit)) / f(f(std[channel]!) * unit))
  }
  return [0, 1, 2].map((channel) =>
    Float32Array.from({ length: 256 }, (_, byte) => {
      const value = valueOf(byte, channel)
      return divisor ? value / f(divisor[channel]!) : value
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
  const reserved = new Reservations()
  const source = reserved.reserve(data.length)
  const table = reserved.reserve(3 * 256 * 4)
  const target = reserved.reserve(data.length * 4)
  const memory = wasm && reserved.memory(wasm)
  if (!memory) return undefined
  memory.set(data, source)
  const floats = new Float32Array(memory.buffer as ArrayBuffer)
  tables.forEach((values, channel) => floats.set(values, (table >> 2) + channel * 256))
  wasm.planes(source, height * width, table, target)
  return floats.slice(target >> 2, (target >> 2) + data.length)
}
