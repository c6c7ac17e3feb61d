import { configClass } from '../../base/pretrained-config'
import { ConfigError } from '../../base/errors'
import { tensor } from '../../base/tensor'
import { BERT_DEFAULTS, type BertLike, bertForward, POSITION_IDS } from './bert'
import type { TextTowerModule } from '../tower'

/** transformers' `RobertaConfig`. */
export class RobertaConfig
  extends /* @__PURE__ */ configClass('roberta', { ...BERT_DEFAULTS, vocabSize: 50265, padTokenId: 1 }) {}

/** transformers' `XLMRobertaConfig`. */
export class XLMRobertaConfig extends /* @__PURE__ */ configClass('xlm-roberta', { ...BERT_DEFAULTS, padTokenId: 1 }) {}

/** transformers' `CamembertConfig`. */
export class CamembertConfig extends /* @__PURE__ */ configClass('camembert', { ...BERT_DEFAULTS, padTokenId: 1 }) {}

/** @throws ConfigError where positions cannot count from it: `pad_token_id` may be null in a config.json. */
function paddingOf({ modelType, padTokenId }: BertLike): number {
  if (Number.isInteger(padTokenId) && padTokenId >= 0) return padTokenId
  throw new ConfigError(
    'bad-config-value',
    `${modelType}: pad_token_id is ${String(padTokenId)}; positions count from it. Give the padding token's id, 1 in RoBERTa.`,
  )
}

/**
 * Liu et al.'s RoBERTa (transformers' `RobertaModel`) and its kin: a BERT whose positions count from
 * `pad_token_id + 1`, and stay at `pad_token_id` for padding.
 */
function robertaTower<
  C extends BertLike & InstanceType<typeof RobertaConfig | typeof XLMRobertaConfig | typeof CamembertConfig>,
>(modelType: string, config: TextTowerModule<C>['config']): TextTowerModule<C> {
  return {
    kind: 'text',
    modelType,
    config,
    staleNames: [POSITION_IDS],
    forward: (ops, w, config, inputs, taps) => bertForward(ops, w, config, inputs, taps, paddingOf(config)),
    positionIds(config, { dims, data }) {
      const padding = BigInt(config.padTokenId)
      const length = dims[1] ?? 0
      const positions = new BigInt64Array(data.length)
      let count = 0n
      for (let i = 0; i < data.length; i++) {
        if (i % length === 0) count = 0n
        positions[i] = data[i] === padding ? padding : padding + ++count
      }
      return tensor(positions, dims)
    },
    maxLength: (config) => config.maxPositionEmbeddings - config.padTokenId - 1,
  }
}

export const roberta = robertaTower<RobertaConfig>('roberta', RobertaConfig)
export const xlmRoberta = robertaTower<XLMRobertaConfig>('xlm-roberta', XLMRobertaConfig)
export const camembert = robertaTower<CamembertConfig>('camembert', CamembertConfig)
