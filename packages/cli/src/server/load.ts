import type { OnnxOptions } from '@dual-encoder/onnx'
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

/**
 * A thread that waits for another's part of an operator sleeps: the cores are those of sockets, of pictures and of others,
 * too. Where these were busy a picture took a third less of them.
 */
const SLEEP: OnnxOptions['sessionOptions'] = { extra: { session: { intra_op: { allow_spinning: '0' } } } }

/** Loads what a server asks. */
export async function loadEngine(context: Context, flags: LoadFlags & EngineFlags): Promise<Engine> {
  const { maxBatch, maxDelay: maxDelayMs, maxPixels } = flags
  const { model, processor } = await loadModel(context, flags, {
    batching: { maxBatch, maxDelayMs },
    sessionOptions: SLEEP,
  })
  const index =
    flags.index === undefined ? undefined : await SearchIndex.open(flags.index, { model, processor, create: false })
  return localEngine({
    model,
    processor,
    ...(index ? { index } : {}),
    ...(maxPixels === undefined ? {} : { maxPixels }),
  })
}
