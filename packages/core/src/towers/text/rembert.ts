import type { RemBertConfig } from './rembert.config'
import { bertEmbeddings, bertEncoder, STALE_POSITIONS } from './bert'
import { BERT_INPUTS } from '../inputs'
import type { TextTowerModule } from '../tower'

/** Chung et al.'s RemBERT (transformers' `RemBertModel`): a BERT of narrower embeddings. */
export const rembert: TextTowerModule<RemBertConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'rembert',
  staleNames: [STALE_POSITIONS],
  inputs: BERT_INPUTS,
  forward(ops, w, config, inputs, taps) {
    const { inputEmbeddingSize: size, hiddenSize: D } = config
    const embedded = bertEmbeddings(ops, w.at('embeddings'), config, inputs, { size })
    const x = ops.linear(embedded, w.at('encoder.embedding_hidden_mapping_in').linear(size, D))
    return bertEncoder(ops, w, config, x, inputs.attentionMask, taps)
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
