import { OptionError } from '../errors'
import { sizeOf } from '../tensor'
import { STORAGE } from './safetensors/dtypes'
import { safetensorsChunks, type WritableTensor } from './safetensors/write'
import type { Writer } from './target'
import type { StorageType, WeightEntry } from './weights'

export interface SaveWeightsOptions {
  dtype: 'float32' | 'float16' | 'bfloat16'
  /** Bytes; undefined = one file. */
  maxShardSize?: number
  metadata: Readonly<Record<string, string>>
}

const FLOATS: readonly StorageType[] = ['F64', 'F32', 'F16', 'BF16']
const STORED_AS = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const

/** `model.safetensors`, or shards with their index, as Python's `save_pretrained` names them. */
export async function saveWeights(
  target: Writer,
  weights: readonly WeightEntry[],
  { dtype, maxShardSize = Infinity, metadata }: SaveWeightsOptions,
): Promise<void> {
  if (!Object.hasOwn(STORED_AS, dtype))
    throw new OptionError('bad-dtype', `dtype is "${dtype}". Should be one of: ${Object.keys(STORED_AS).join(', ')}.`)
  if (!(maxShardSize > 0))
    throw new OptionError('bad-shard-size', `maxShardSize is ${maxShardSize}; a positive number of bytes is needed.`)
  const tensors = weights.map(
    (entry): WritableTensor => ({
      name: entry.name,
      shape: entry.shape,
      storage: FLOATS.includes(entry.storage) ? STORED_AS[dtype] : entry.storage,
      read: () => entry.read(),
    }),
  )
  const shards = shardsOf(tensors, maxShardSize)
  if (shards.length === 1) {
    await target.write('model.safetensors', safetensorsChunks(tensors, metadata))
    return
  }
  const number = (n: number) => String(n).padStart(5, '0')
  const map: Record<string, string> = {}
  for (const [i, shard] of shards.entries()) {
    const file = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`
    for (const { name } of shard) map[name] = file
    await target.write(file, safetensorsChunks(shard, metadata))
  }
  const index = { metadata: { total_size: tensors.reduce((size, entry) => size + bytesOf(entry), 0) }, weight_map: map }
  await target.write('model.safetensors.index.json', [new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`)])
}

const bytesOf = ({ shape, storage }: WritableTensor): number => sizeOf(shape) * STORAGE[storage].size

function shardsOf(tensors: readonly WritableTensor[], limit: number): WritableTensor[][] {
  const shards: WritableTensor[][] = [[]]
  let size = 0
  for (const entry of tensors) {
    const bytes = bytesOf(entry)
    if (size > 0 && size + bytes > limit) {
      shards.push([])
      size = 0
    }
    shards.at(-1)?.push(entry)
    size += bytes
  }
  return shards
}
