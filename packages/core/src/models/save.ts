import { saveWeights } from '../weights/save'
import { openTarget, type TargetLike } from '../files/target'
import type { WeightEntry } from '../weights/entry'
import { pythonJson } from '../base/python-json'
import { checkOptions } from '../base/errors'
import { ENCODER_NAMES } from './encoder'
import { OPEN_CLIP } from './families'
import type { LoadedModel } from './load'
import { savedName } from './checkpoint/settle-names'

export interface SaveOptions {
  /** Of the floats on disk; float32 by default. */
  dtype?: 'float32' | 'float16' | 'bfloat16'
  /** Bytes of a file before the weights are split over several. */
  maxShardSize?: number
}

/** A model's weights by the names under which they are written. */
export function savedWeights(model: LoadedModel): WeightEntry[] {
  // A whole CLIP holds its towers without the extra level that they have in a pair.
  const inner = !model.config.family.towers
  return [...model.weights.values()].map((entry) => {
    const encoder = entry.name.startsWith(`${ENCODER_NAMES.vision.tower}.`) ? model.vision : model.text
    const name = inner ? savedName(entry.name, `${ENCODER_NAMES[encoder.kind].tower}.`, encoder.tower) : entry.name
    return { ...entry, name, read: () => entry.read() }
  })
}

/** Writes `config.json` and the weights, under the names that every version of transformers loads. */
export async function saveModel(target: TargetLike, model: LoadedModel, options: SaveOptions): Promise<void> {
  checkOptions(options, ['dtype', 'maxShardSize'], 'savePretrained')
  const { dtype = 'float32' } = options
  const opened = await openTarget(target)
  if (model.config.family === OPEN_CLIP) return (await import('./open-clip/save')).saveOpenClip(opened, model, options)
  const { dtype: _, torch_dtype: __, ...config } = model.config.toJSON()
  const json = pythonJson({ ...config, dtype, torch_dtype: dtype })
  await saveWeights(opened, savedWeights(model), { ...options, dtype, metadata: { format: 'pt' } })
  await opened.write('config.json', [new TextEncoder().encode(`${json}\n`)])
}
