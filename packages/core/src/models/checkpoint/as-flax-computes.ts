import { sizeOf, type Tensor, tensor } from '../../base/tensor'
import type { EncoderSpec } from '../encoder'
import { decode, encode } from '../../weights/safetensors/dtypes'
import type { StorageType, WeightEntry } from '../../weights/entry'

/**
 * Flax computes some things otherwise than PyTorch does with the same weights. The weights changed here
 * make PyTorch's computation give Flax's numbers, in this library and in Python after saving.
 * @param weights of a Flax checkpoint, by a dual encoder's names
 * @param dual whether Flax ran the towers within a dual encoder
 */
export function asFlaxComputes(
  weights: Map<string, WeightEntry>,
  encoders: readonly { readonly encoder: EncoderSpec; readonly prefix: string }[],
  dual: boolean,
): void {
  type Change = (value: Tensor, storage: StorageType) => Tensor
  const alter = (test: (name: string) => boolean, change: string, by: Change): void => {
    for (const [name, { location: _, storage, ...entry }] of [...weights])
      if (test(name))
        weights.set(name, { ...entry, change, storage: 'F32', read: async () => by(await entry.read(), storage) })
  }
  // exp(logit_scale) is computed in the scale's own type.
  if (weights.get('logit_scale')?.storage !== 'F32')
    alter((name) => name === 'logit_scale', 'its exponential is rounded to half precision, as Flax does', expRounded)
  for (const { encoder, prefix } of encoders) {
    const first = dual ? firstPosition(encoder) : 0
    // FlaxVisionTextDualEncoderModel counts positions 0, 1, 2 ... where RoBERTa's kin begin at padding_idx + 1.
    if (first > 0)
      alter(
        (name) => name === `${prefix}embeddings.position_embeddings.weight`,
        `rows moved down by ${first}: Flax counts positions from 0, PyTorch from ${first} (texts may be ${first} tokens shorter)`,
        (table) => shiftRows(table, first),
      )
    // FlaxDinov2LayerScale multiplies its parameter by layerscale_value, twice.
    const { layerscaleValue = 1 } = encoder.config as { layerscaleValue?: number }
    if (encoder.tower.modelType === 'dinov2' && layerscaleValue !== 1)
      alter(
        (name) => name.startsWith(prefix) && /\.layer_scale[12]\.lambda1$/.test(name),
        `multiplied twice by layerscale_value ${layerscaleValue}, as Flax does`,
        (value, storage) => scaled(scaled(value, layerscaleValue, storage), layerscaleValue, storage),
      )
  }
}

/** The position of a sequence's first word, as PyTorch's tower counts. */
function firstPosition({ kind, tower, config }: EncoderSpec): number {
  if (kind === 'vision') return 0
  const word = tensor([BigInt(config.padTokenId === 0 ? 1 : 0)], [1, 1], 'int64')
  return Number(tower.inputs.positionIds?.make(config, { inputIds: word }).data[0] ?? 0)
}

/** Row i becomes row `by` + i; the first rows stay, the last `by` have no place any more. */
function shiftRows(table: Tensor, by: number): Tensor {
  const width = sizeOf(table.dims.slice(1))
  const data = table.data.slice() as Float32Array
  data.copyWithin(by * width, 0, data.length - by * width)
  return { ...table, data }
}

/** float32 values as they are after a computation in `storage`. */
const rounded = (value: Tensor, storage: StorageType): Tensor =>
  storage === 'BF16' || storage === 'F16' ? decode(encode(value, storage).bytes, storage, value.dims) : value

const mapped = (value: Tensor, by: (x: number) => number): Tensor => ({
  ...value,
  data: (value.data as Float32Array).map(by),
})

/** JAX gives a plain number the type of the array that it meets. */
function scaled(value: Tensor, factor: number, storage: StorageType): Tensor {
  const by = rounded(tensor(Float32Array.of(factor), [1]), storage).data[0] as number
  return rounded(
    mapped(value, (x) => x * by),
    storage,
  )
}

const expRounded = (scale: Tensor, storage: StorageType): Tensor =>
  mapped(rounded(mapped(scale, Math.exp), storage), Math.log)
