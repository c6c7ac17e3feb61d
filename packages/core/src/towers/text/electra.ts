import type { ElectraConfig } from './electra.config'
import { bertEmbeddings, bertEncoder, STALE_POSITIONS } from './bert'
import { BERT_INPUTS } from '../inputs'
import type { TextTowerModule } from '../tower'

/** Clark et al.'s ELECTRA (transformers' `ElectraModel`): a BERT of narrower embeddings, without a pooler. */
export const electra: TextTowerModule<ElectraConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'electra',
  staleNames: [STALE_POSITIONS],
  suits: () => ({ pooling: 'cls', because: 'its own classifier takes the first token' }),
  inputs: BERT_INPUTS,
  forward(ops, w, config, inputs, taps) {
    const { embeddingSize: size, hiddenSize: D } = config
    const embedded = bertEmbeddings(ops, w.at('embeddings'), config, inputs, { size })
    const x = size === D ? embedded : ops.linear(embedded, w.at('embeddings_project').linear(size, D))
    return bertEncoder(ops, w, config, x, inputs.attentionMask, taps, (first) => first)
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
