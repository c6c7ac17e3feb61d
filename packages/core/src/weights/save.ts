import { OptionError } from '../base/errors'
import { sizeOf } from '../base/tensor'
import { STORAGE } from './safetensors/dtypes'
import { safetensorsChunks, type WritableTensor } from './safetensors/write'
import type { StagedFile } from '../platform/platform'
import type { Target } from '../files/target'
import type { StorageType, WeightEntry } from './entry'
import { holdsAsHalf, quantizedParts } from './quantize'

/** What becomes int8, by name, with a scale for each row, or for `size` columns of it. */
export interface QuantizedNames {
  readonly names: ReadonlySet<string>
  readonly size?: number
}

export interface SaveWeightsOptions {
  dtype: 'float32' | 'float16' | 'bfloat16' | 'int8'
  /** Where `dtype` is int8; kernels of convolutions are float16 then, all else is float32. */
  quantize?: QuantizedNames
  /** Bytes; undefined = one file. */
  maxShardSize?: number
  metadata: Readonly<Record<string, string>>
  /** Of all weights, where they are not split; `model.safetensors` unless given. */
  file?: string
}

const FLOATS: readonly StorageType[] = ['F64', 'F32', 'F16', 'BF16']
const STORED_AS = { float32: 'F32', float16: 'F16', bfloat16: 'BF16', int8: 'F32' } as const

const WHOLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'

/**
 * `model.safetensors`, or shards with their index, as Python's `save_pretrained` names them. Files take
 * their places when all are written: the weights may come from the very files that are replaced.
 */
export async function saveWeights(
  target: Target,
  weights: readonly WeightEntry[],
  { dtype, quantize, maxShardSize = Infinity, metadata, file: whole = WHOLE }: SaveWeightsOptions,
): Promise<void> {
  if (!Object.hasOwn(STORED_AS, dtype))
    throw new OptionError('bad-dtype', `dtype is "${dtype}". Should be one of: ${Object.keys(STORED_AS).join(', ')}.`)
  if (typeof maxShardSize !== 'number' || !(maxShardSize > 0))
    throw new OptionError('bad-shard-size', `maxShardSize is ${maxShardSize}; a positive number of bytes is needed.`)
  const written = weights.flatMap((entry) => {
    return dtype === 'int8' && quantize?.names.has(entry.name) ? quantizedParts(entry, quantize.size) : [entry]
  })
  const tensors: WritableTensor[] = []
  for (const entry of written)
    tensors.push({
      name: entry.name,
      shape: entry.shape,
      storage: await storageOf(entry, dtype),
      read: () => entry.read(),
    })
  const shards = shardsOf(tensors, maxShardSize, whole)
  const staged: StagedFile[] = []
  try {
    for (const [file, shard] of shards) staged.push(await target.stage(file, safetensorsChunks(shard, metadata)))
    if (shards.size > 1) staged.push(await target.stage(INDEX, [new TextEncoder().encode(indexOf(shards))]))
    for (const file of staged) await file.commit()
  } catch (error) {
    await Promise.allSettled(staged.map((file) => file.discard()))
    throw error
  }
  // An earlier save's whole file would be read before the index, and its index would lie beside the whole file.
  await target.remove(shards.size > 1 ? whole : INDEX)
}

async function storageOf(entry: WeightEntry, dtype: SaveWeightsOptions['dtype']): Promise<StorageType> {
  if (!FLOATS.includes(entry.storage)) return entry.storage
  // A convolution's kernel loses less as float16 than a matrix does as int8; Python makes it float32 again.
  const isHalf = dtype === 'int8' && entry.shape.length === 4 && holdsAsHalf(await entry.read())
  return isHalf ? 'F16' : STORED_AS[dtype]
}

type Shards = ReadonlyMap<string, readonly WritableTensor[]>

function indexOf(shards: Shards): string {
  const all = [...shards.values()].flat()
  const files = [...shards].flatMap(([file, shard]) => shard.map(({ name }) => [name, file] as const))
  const index = {
    metadata: {
      total_parameters: all.reduce((count, { shape }) => count + sizeOf(shape), 0),
      total_size: all.reduce((size, entry) => size + bytesOf(entry), 0),
    },
    weight_map: Object.fromEntries(files.sort(([a], [b]) => (a < b ? -1 : 1))),
  }
  return `${JSON.stringify(index, null, 2)}\n`
}

const bytesOf = ({ shape, storage }: WritableTensor): number => sizeOf(shape) * STORAGE[storage].size

function shardsOf(tensors: readonly WritableTensor[], limit: number, whole: string): Shards {
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
  if (shards.length === 1) return new Map([[whole, tensors]])
  const number = (n: number) => String(n).padStart(5, '0')
  return new Map(shards.map((shard, i) => [`model-${number(i + 1)}-of-${number(shards.length)}.safetensors`, shard]))
}
