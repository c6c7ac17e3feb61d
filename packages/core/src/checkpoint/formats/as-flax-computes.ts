import { sizeOf, type Tensor, tensor } from '../../tensor'
import type { EncoderSpec } from '../../model/encoder'
import type { WeightEntry } from '../weights'

/**
 * Flax's towers compute some things otherwise than PyTorch's do with the same weights. These weights
 * make PyTorch's computation give Flax's numbers, here and in Python after saving.
 * @param weights of a Flax checkpoint, by PyTorch's names; `prefix` leads to this tower's
 * @param dual whether Flax ran the tower within a dual encoder
 */
export function asFlaxComputes(
  weights: Map<string, WeightEntry>,
  { kind, tower, config }: EncoderSpec,
  prefix: string,
  dual: boolean,
): void {
  const change = (test: RegExp, by: (value: Tensor) => Tensor): void => {
    for (const [name, { location: _, ...entry }] of [...weights])
      if (name.startsWith(prefix) && test.test(name.slice(prefix.length)))
        weights.set(name, { ...entry, read: async () => by(await entry.read()) })
  }
  // FlaxVisionTextDualEncoderModel counts positions 0, 1, 2 ... where RoBERTa's kin begin at padding_idx + 1.
  if (kind === 'text' && dual) {
    const word = tensor([BigInt(config.padTokenId === 0 ? 1 : 0)], [1, 1], 'int64')
    const first = Number(tower.positionIds(config, word).data[0])
    if (first > 0) change(/^embeddings\.position_embeddings\.weight$/, (table) => shiftRows(table, first))
  }
  // FlaxDinov2LayerScale multiplies its parameter by layerscale_value, twice.
  const { layerscaleValue } = config as { layerscaleValue?: number }
  if (tower.modelType === 'dinov2' && layerscaleValue !== undefined && layerscaleValue !== 1)
    change(/layer_scale[12]\.lambda1$/, (value) => scaled(value, Math.fround(layerscaleValue)))
}

/** Row i becomes row `by` + i; the first rows stay, the last `by` have no place any more. */
function shiftRows(table: Tensor, by: number): Tensor {
  const width = sizeOf(table.dims.slice(1))
  const data = table.data.slice() as Float32Array
  data.copyWithin(by * width, 0, data.length - by * width)
  return { ...table, data }
}

const scaled = (value: Tensor, factor: number): Tensor => ({
  ...value,
  data: (value.data as Float32Array).map((x) => Math.fround(x * factor) * factor),
})
