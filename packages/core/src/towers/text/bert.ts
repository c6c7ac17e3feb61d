import { configClass } from '../../base/pretrained-config'
import { ConfigError } from '../../base/errors'
import { tensor } from '../../base/tensor'
import { activationOf } from '../../ops/activations'
import { mlp, onlyPooled, pool, postNormEncoder, type PostNormLayer } from '../blocks'
import type { Ops, Param } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import type { Pooling, Taps, TextInputs, TextTowerModule, TowerOutput } from '../tower'

export const BERT_DEFAULTS = {
  vocabSize: 30522,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: 'gelu',
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  maxPositionEmbeddings: 512,
  typeVocabSize: 2,
  initializerRange: 0.02,
  layerNormEps: 1e-12,
  padTokenId: 0,
  isDecoder: false,
  positionEmbeddingType: undefined as string | undefined,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `BertConfig`. */
export class BertConfig extends /* @__PURE__ */ configClass('bert', BERT_DEFAULTS) {}

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
  inputs: TextInputs<T>,
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
      firstTokenOnly: onlyPooled(taps) && pooling !== 'mean',
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
export const POSITION_IDS = /^embeddings\.position_ids$/

export const bert: TextTowerModule<BertConfig> = {
  kind: 'text',
  modelType: 'bert',
  config: BertConfig,
  staleNames: [POSITION_IDS],
  forward: (ops, w, config, inputs, taps) => bertForward(ops, w, config, inputs, taps),
  positionIds(_config, { dims }) {
    const length = dims[1] ?? 0
    const data = new BigInt64Array((dims[0] ?? 0) * length)
    for (let i = 0; i < data.length; i++) data[i] = BigInt(i % length)
    return tensor(data, dims)
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
