import { isJsonObject } from '../config/pretrained-config'
import { bothSides, CheckpointError } from '../errors'
import { openSafetensors } from './safetensors/read'
import { checkName, readJson, type Source } from './source'
import type { WeightEntry } from './weights'

export interface OpenedWeights {
  readonly weights: Map<string, WeightEntry>
  readonly metadata: Readonly<Record<string, string>>
}

const FILE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'

/** The weights of a folder, not yet read. `model.safetensors` is looked for first, then its index of shards. */
export async function openWeights(source: Source): Promise<OpenedWeights> {
  const opened = (await openSafetensors(source, FILE)) ?? (await openShards(source))
  if (opened) return opened
  throw new CheckpointError('no-weights', `${source.describe} holds no weights. Looked for: ${FILE}, ${INDEX}.`)
}

async function openShards(source: Source): Promise<OpenedWeights | undefined> {
  const index = await readJson(source, INDEX)
  if (!index) return undefined
  const { weight_map: map } = index
  if (!isJsonObject(map) || !Object.values(map).every((file) => typeof file === 'string'))
    throw new CheckpointError('bad-index', `${INDEX} of ${source.describe} holds no weight_map from names to files.`)
  const files = [...new Set(Object.values(map) as string[])].map(checkName)
  const found = new Map<string, WeightEntry>()
  let metadata: Readonly<Record<string, string>> = {}
  for (const file of files) {
    const shard = await openSafetensors(source, file)
    if (!shard) throw new CheckpointError('missing-shard', `${INDEX} of ${source.describe} names ${file}, which is not there.`)
    metadata = { ...metadata, ...shard.metadata }
    for (const [name, entry] of shard.weights) if (map[name] === file) found.set(name, entry)
  }
  const missing = Object.keys(map).filter((name) => !found.has(name))
  if (missing.length > 0)
    throw new CheckpointError(
      'bad-index',
      `${INDEX} of ${source.describe} names tensors that its files do not hold:\n${bothSides(missing, [])}`,
    )
  return { weights: found, metadata }
}
