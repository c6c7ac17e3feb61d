import type { AlbertConfig } from './albert.config'
import { activationOf } from '../../ops/activations'
import type { Ops } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { bertEmbeddings, encoderOptions, pooledBy, STALE_POSITIONS } from './bert'
import { mlp, postNormEncoder, type PostNormLayer } from '../blocks'
import { BERT_INPUTS } from '../inputs'
import type { TextTowerModule } from '../tower'

function albertLayer<T>(ops: Ops<T>, w: Scope, config: AlbertConfig): PostNormLayer<T> {
  const { hiddenSize: D, intermediateSize, layerNormEps: eps } = config
  const attention = w.at('attention')
  return {
    attention: {
      query: attention.at('query').linear(D, D),
      key: attention.at('key').linear(D, D),
      value: attention.at('value').linear(D, D),
      output: attention.at('dense').linear(D, D),
    },
    attentionNorm: attention.at('LayerNorm').norm(D, eps),
    mlp: mlp(
      ops,
      w.at('ffn').linear(D, intermediateSize),
      activationOf(config.hiddenAct),
      w.at('ffn_output').linear(intermediateSize, D),
    ),
    outputNorm: w.at('full_layer_layer_norm').norm(D, eps),
  }
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
        return albertLayer(ops, w.at(name), config)
      },
      { ...encoderOptions(config, inputs.attentionMask, taps), layers: layers * inner, mlpDropout: 0 },
    )
    const own = (first: typeof last) => ops.linear(first, w.at('pooler').linear(D, D), 'tanh')
    const poolerOutput = pooledBy(ops, config.pooling, last, inputs.attentionMask, own)
    return { lastHiddenState: last, poolerOutput, ...collected }
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
