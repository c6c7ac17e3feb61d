import type { CamembertConfig, Data2VecTextConfig, RobertaConfig, XLMRobertaConfig } from './roberta.config'
import { ConfigError } from '../../base/errors'
import { tensor, type Tensor } from '../../base/tensor'
import { type BertLike, bertForward, STALE_POSITIONS } from './bert'
import { BERT_INPUTS, positionIds } from '../inputs'
import type { TextConfig, TextTowerModule } from '../tower'

/** @throws ConfigError where positions cannot count from it: `pad_token_id` may be null in a config.json. */
export function paddingOf({ modelType, padTokenId }: BertLike): number {
  if (Number.isInteger(padTokenId) && padTokenId >= 0) return padTokenId
  throw new ConfigError(
    'bad-config-value',
    `${modelType}: pad_token_id is ${String(padTokenId)}; positions count from it. Give the padding token's id, 1 in RoBERTa.`,
  )
}

/** Positions that count from `paddingId + 1`, and stay at `paddingId` for padding. */
export function countedPositions({ dims, data }: Tensor<'int64'>, paddingId: number): Tensor<'int64'> {
  const padding = BigInt(paddingId)
  const length = dims[1] ?? 0
  const positions = new BigInt64Array(data.length)
  let count = 0n
  for (let i = 0; i < data.length; i++) {
    if (i % length === 0) count = 0n
    positions[i] = data[i] === padding ? padding : padding + ++count
  }
  return tensor(positions, dims)
}

/** What BERTs take whose positions count as RoBERTa's. */
export const ROBERTA_INPUTS = {
  ...BERT_INPUTS,
  positionIds: positionIds((config: BertLike, ids) => countedPositions(ids, config.padTokenId)),
}

/** As many tokens as positions are left behind that of padding. */
export const robertaLength = (config: {
  readonly maxPositionEmbeddings: number
  readonly padTokenId: number
}): number => config.maxPositionEmbeddings - config.padTokenId - 1

/**
 * Liu et al.'s RoBERTa (transformers' `RobertaModel`) and its kin (Baevski et al.'s data2vec among them): a BERT whose positions count from
 * `pad_token_id + 1`, and stay at `pad_token_id` for padding.
 */
function robertaTower<C extends BertLike & TextConfig>(
  modelType: string,
): TextTowerModule<C, keyof typeof BERT_INPUTS> {
  return {
    kind: 'text',
    modelType,
    staleNames: [STALE_POSITIONS],
    inputs: ROBERTA_INPUTS,
    forward: (ops, w, config, inputs, taps) =>
      bertForward(ops, w, config, inputs, taps, { positionPadding: paddingOf(config) }),
    maxLength: robertaLength,
  }
}

export const roberta = robertaTower<RobertaConfig>('roberta')
export const xlmRoberta = robertaTower<XLMRobertaConfig>('xlm-roberta')
export const camembert = robertaTower<CamembertConfig>('camembert')
export const data2vecText = robertaTower<Data2VecTextConfig>('data2vec-text')
