import { ConfigError } from '../../base/errors'
import { tensor } from '../../base/tensor'
import { onlyPooled, pool } from '../blocks'
import { ATTENTION_MASK, type GivenText, INPUT_IDS, POSITION_IDS, type TextInput } from '../inputs'
import type { TextTowerModule } from '../tower'
import { clipStd } from '../vision/clip'
import { probePool } from '../vision/siglip'
import { clipTextEncoder } from './clip-text'
import type { OpenCLIPTextConfig } from './open-clip-text.config'

/** Where in a row of ids lies what is pooled. */
const POOLS: Readonly<Record<string, (ids: readonly number[], eos: number | null) => number>> = {
  first: () => 0,
  last: (ids) => ids.length - 1,
  argmax: (ids) => ids.indexOf(Math.max(...ids)),
  eos: (ids, eos) => Math.max(0, ids.indexOf(eos ?? -1)),
  // None: a probe attends to all.
  map: () => 0,
}

/** `[B]`, the token that stands for each text. */
const POOL_POSITIONS: TextInput<OpenCLIPTextConfig> = {
  dtype: 'int64',
  dims: () => ['batch'],
  make({ poolType, eosTokenId }, { inputIds: { dims, data } }: GivenText) {
    if (!Object.hasOwn(POOLS, poolType))
      throw new ConfigError(
        'bad-config-value',
        `pool_type is "${poolType}". Should be one of: ${Object.keys(POOLS).join(', ')}.`,
      )
    const [batch = 0, length = 0] = dims
    const at = (row: number) => Array.from(data.subarray(row * length, (row + 1) * length), Number)
    return tensor(
      BigInt64Array.from({ length: batch }, (_, row) => BigInt(POOLS[poolType]!(at(row), eosTokenId))),
      [batch],
    )
  },
}

const INPUTS = {
  inputIds: INPUT_IDS,
  attentionMask: ATTENTION_MASK,
  positionIds: POSITION_IDS,
  poolPositions: POOL_POSITIONS,
}

/** open_clip's text transformer where it is neither CLIP's nor SigLIP's (its `TextTransformer`), and big_vision's. */
export const openClipText: TextTowerModule<OpenCLIPTextConfig, keyof typeof INPUTS> = {
  kind: 'text',
  modelType: 'open_clip_text_model',
  inputs: INPUTS,
  seesPadding: true,
  maxLength: (config) => config.maxPositionEmbeddings,
  pooledSize: (config) => config.projectionSize ?? config.hiddenSize,
  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D, pooling, poolType, projectionSize, causal } = config
    const { last, ...collected } = clipTextEncoder(ops, w, config, inputs, taps, {
      std: clipStd(config),
      tableStd: config.initializerFactor * 0.02,
      causal,
    })
    const own = () =>
      poolType === 'map' ? probePool(ops, w.at('pooler'), config, last) : ops.tokenAt(last, inputs.poolPositions)
    const pooled = pooling ? pool(ops, pooling, last, { mask: inputs.attentionMask }) : own()
    const poolerOutput = projectionSize
      ? ops.linear(pooled, w.at('head').linear(D, projectionSize, { std: D ** -0.5 }))
      : pooled
    return { ...(onlyPooled(taps) ? {} : { lastHiddenState: last }), poolerOutput, ...collected }
  },
}
