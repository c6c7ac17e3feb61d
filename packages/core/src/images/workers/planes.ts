import { decoder } from '#decoder'

import { breathe } from '../../platform/breathe'
import type { RawImage } from '../raw-image'
import type { Task } from '../processors/prepare'
import { runJob, type Planes } from './job'
import { runOnWorker } from './pool'

export type { Planes } from './job'
export { workersStarted } from './pool'

/**
 * A file or pixels, prepared. Files are decoded and prepared by a worker where one is ready; pixels are prepared
 * here, since handing them to a worker takes about as long.
 */
export async function planesOf(source: Uint8Array | RawImage, task: Task): Promise<Planes> {
  const planes = source instanceof Uint8Array ? await runOnWorker(source, task) : undefined
  if (planes) return planes
  await breathe()
  return runJob(source, task, decoder.decodeImage)
}
