import type { BERT_DEFAULTS, BertConfig } from './bert.config'
import { ConfigError } from '../../base/errors'
import { activationOf } from '../../ops/activations'
import { mlp, onlyPooled, pool, postNormEncoder, type PostNormLayer, takesFirst } from '../blocks'
import type { Ops, Param } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { BERT_INPUTS, type BertInputs } from '../inputs'
import type { Taps, TextTowerModule, TowerOutput } from '../tower'

export type BertLike = typeof BERT_DEFAULTS & { readonly modelType: string }

function bertLayer<T>(ops: Ops<T>, w: Scope, config: BertLike): PostNormLayer<T> {
  const { hiddenSize: D, intermediateSize, layerNormEps: eps } = config
  const self = w.at('attention.self')
  return {
    attention: {
      query: self.at('query').linear(D, D),
      key: self.at('key').linear(D, D),
      value: self.at('value').linear(D, D),
      output: w.at('attention.output.dense').linear(D, D),
    },
    attentionNorm: w.at('attention.output.LayerNorm').norm(D, eps),
    mlp: mlp(
      ops,
      w.at('intermediate.dense').linear(D, intermediateSize),
      activationOf(config.hiddenAct),
      w.at('output.dense').linear(intermediateSize, D),
    ),
    outputNorm: w.at('output.LayerNorm').norm(D, eps),
  }
}

/** @throws ConfigError for what makes a BERT another model than the encoder that runs here. */
function checkEncoder(config: BertLike): void {
  if (config.isDecoder)
    throw new ConfigError(
      'unsupported-config',
      `${config.modelType}: is_decoder is true, which masks later tokens. Only encoders are supported: set it to false.`,
    )
  const type = config.positionEmbeddingType ?? 'absolute'
  if (type !== 'absolute')
    throw new ConfigError(
      'unsupported-config',
      `${config.modelType}: position_embedding_type "${type}" is not supported. Allowed: "absolute".`,
    )
}

/** Devlin et al.'s BERT (transformers' `BertModel`), and RoBERTa, which differs in its positions. */
export function bertForward<T>(
  ops: Ops<T>,
  w: Scope,
  config: BertLike,
  inputs: BertInputs<T>,
  taps: Taps,
  positionPadding?: number,
): TowerOutput<T> {
  checkEncoder(config)
  const { hiddenSize: D, initializerRange: std, pooling } = config
  const embeddings = w.at('embeddings')
  const table = (name: string, rows: number, zeroRow?: number): Param =>
    embeddings.at(name).param('weight', [rows, D], { kind: 'normal', std, zeroRow })
  const words = ops.embedding(inputs.inputIds, table('word_embeddings', config.vocabSize, config.padTokenId))
  const types = ops.embedding(inputs.tokenTypeIds, table('token_type_embeddings', config.typeVocabSize))
  const positions = ops.embedding(
    inputs.positionIds,
    table('position_embeddings', config.maxPositionEmbeddings, positionPadding),
  )
  const { normed } = ops.addLayerNorm(
    ops.add(words, types),
    positions,
    embeddings.at('LayerNorm').norm(D, config.layerNormEps),
  )
  const { last, ...collected } = postNormEncoder(
    ops,
    ops.dropout(normed, config.hiddenDropoutProb),
    (index) => bertLayer(ops, w.at(`encoder.layer.${index}`), config),
    {
      layers: config.numHiddenLayers,
      heads: config.numAttentionHeads,
      taps,
      firstTokenOnly: onlyPooled(taps) && takesFirst(pooling),
      hiddenDropout: config.hiddenDropoutProb,
      attentionDropout: config.attentionProbsDropoutProb,
      keyMask: inputs.attentionMask,
    },
  )
  const poolerOutput = pooling
    ? pool(ops, pooling, last, { mask: inputs.attentionMask })
    : ops.linear(ops.token(last, 0), w.at('pooler.dense').linear(D, D), 'tanh')
  return { lastHiddenState: last, poolerOutput, ...collected }
}

/** `position_ids` were saved as a buffer before transformers 4.31. */
export const STALE_POSITIONS = /^embeddings\.position_ids$/

export const bert: TextTowerModule<BertConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'bert',
  staleNames: [STALE_POSITIONS],
  inputs: BERT_INPUTS,
  forward: (ops, w, config, inputs, taps) => bertForward(ops, w, config, inputs, taps),
  maxLength: (config) => config.maxPositionEmbeddings,
}
