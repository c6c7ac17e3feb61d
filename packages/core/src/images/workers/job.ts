import type { RawImage } from '../raw-image'
import type { Decoder } from '../decoder'
import { byteTables, toPlanes } from '../processors/normalize'
import { prepare, type Task } from '../processors/prepare'

/** A prepared picture: `[3, height, width]`. */
export interface Planes {
  readonly data: Float32Array<ArrayBuffer>
  readonly height: number
  readonly width: number
}

/** A file or pixels to planes: the one job that workers do, and the caller's thread where there are none. */
export async function runJob(
  source: Uint8Array | RawImage,
  task: Task,
  decode: Decoder['decodeImage'],
): Promise<Planes> {
  const image = prepare(source instanceof Uint8Array ? await decode(source, task) : source, task)
  const { height, width } = image
  return { data: toPlanes(image, byteTables(task.settings.normalization, task.backend)), height, width }
}
