import { SearchIndex } from '@dual-encoder/search'
import type { Context, LoadFlags } from '../context'
import { loadModel } from '../model'
import { type Engine, localEngine } from './engine'

export interface EngineFlags {
  /** An index that `/search` looks in. */
  readonly index?: string
  readonly maxPixels?: number
  /** Inputs of one run of the model, and milliseconds that one waits for others. */
  readonly maxBatch: number
  readonly maxDelay: number
}

/** Loads what a server asks. */
export async function loadEngine(context: Context, flags: LoadFlags & EngineFlags): Promise<Engine> {
  const { maxBatch, maxDelay: maxDelayMs, maxPixels } = flags
  const { model, processor } = await loadModel(context, flags, { batching: { maxBatch, maxDelayMs } })
  const index =
    flags.index === undefined ? undefined : await SearchIndex.open(flags.index, { model, processor, create: false })
  return localEngine({
    model,
    processor,
    ...(index ? { index } : {}),
    ...(maxPixels === undefined ? {} : { maxPixels }),
  })
}
