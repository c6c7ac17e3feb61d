import type { AlbertConfig } from './albert.config'
import { bertEmbeddings, encoderOptions, pooledBy, STALE_POSITIONS } from './bert'
import { postNormEncoder } from '../blocks'
import { BERT_INPUTS } from '../inputs'
import { type LayerNames, postNormLayer } from './post-norm-layer'
import type { TextTowerModule } from '../tower'

const LAYER: LayerNames = {
  query: 'attention.query',
  key: 'attention.key',
  value: 'attention.value',
  output: 'attention.dense',
  attentionNorm: 'attention.LayerNorm',
  fc1: 'ffn',
  fc2: 'ffn_output',
  outputNorm: 'full_layer_layer_norm',
}

/**
 * Lan et al.'s ALBERT (transformers' `AlbertModel`): a BERT of narrower embeddings, whose layers share the weights of
 * `num_hidden_groups` groups of `inner_group_num` layers. Hidden states and attentions are of every inner layer.
 */
export const albert: TextTowerModule<AlbertConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'albert',
  staleNames: [STALE_POSITIONS],
  inputs: BERT_INPUTS,
  forward(ops, w, config, inputs, taps) {
    const { embeddingSize: size, hiddenSize: D, numHiddenLayers: layers, innerGroupNum: inner } = config
    const embedded = bertEmbeddings(ops, w.at('embeddings'), config, inputs, { size })
    const { last, ...collected } = postNormEncoder(
      ops,
      ops.linear(embedded, w.at('encoder.embedding_hidden_mapping_in').linear(size, D)),
      (index) => {
        const group = Math.floor(Math.floor(index / inner) / (layers / config.numHiddenGroups))
        const name = `encoder.albert_layer_groups.${group}.albert_layers.${index % inner}`
        return postNormLayer(ops, w.at(name), LAYER, config)
      },
      { ...encoderOptions(config, inputs.attentionMask, taps), layers: layers * inner, mlpDropout: 0 },
    )
    const own = (first: typeof last) => ops.linear(first, w.at('pooler').linear(D, D), 'tanh')
    const poolerOutput = pooledBy(ops, config.pooling, last, inputs.attentionMask, own)
    return { lastHiddenState: last, poolerOutput, ...collected }
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
