import type { RawImage } from '../raw-image'
import type { Decoder } from '../decoder'
import { floatPlanes } from '../processors/floats'
import { byteTables, type Planes, toPlanes } from '../processors/normalize'
import { prepare, type Task } from '../processors/prepare'

export type { Planes }

/** A file or pixels to planes: the one job that workers do, and the caller's thread where there are none. */
export async function runJob(
  source: Uint8Array | RawImage,
  task: Task,
  decode: Decoder['decodeImage'],
): Promise<Planes> {
  const raw = source instanceof Uint8Array ? await decode(source, task) : source
  if (task.settings.resize?.floats) return floatPlanes(raw, task)
  const image = prepare(raw, task)
  const { height, width } = image
  return { data: toPlanes(image, byteTables(task.settings.normalization, task.backend)), height, width }
}
