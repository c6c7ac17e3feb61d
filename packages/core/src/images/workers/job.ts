import type { RawImage } from '../raw-image'
import type { Decoder } from '../decoder'
import type { Rounding } from '../resize/coefficients'
import { byteTables, toPlanes } from '../processors/normalize'
import { prepare } from '../processors/prepare'
import type { Settings } from '../processors/settings'

/** What is done to each picture of a call. */
export interface Task {
  readonly settings: Settings
  readonly backend: Rounding
  readonly maxPixels: number
}

/** A prepared picture: `[3, height, width]`. */
export interface Planes {
  readonly data: Float32Array<ArrayBuffer>
  readonly height: number
  readonly width: number
}

/** A file or pixels to planes: the one job that workers do, and the caller's thread where there are none. */
export async function runJob(
  source: Uint8Array | RawImage,
  { settings, backend, maxPixels }: Task,
  decode: Decoder['decodeImage'],
): Promise<Planes> {
  const image = prepare(
    source instanceof Uint8Array ? await decode(source, { maxPixels }) : source,
    settings,
    backend,
    maxPixels,
  )
  const { height, width } = image
  return { data: toPlanes(image, byteTables(settings.normalization, backend)), height, width }
}
