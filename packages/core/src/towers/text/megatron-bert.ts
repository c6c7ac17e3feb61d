import type { MegatronBertConfig } from './megatron-bert.config'
import { bertSum, STALE_POSITIONS } from './bert'
import { BERT_INPUTS } from '../inputs'
import { preNormBert } from './pre-norm-bert'
import type { TextTowerModule } from '../tower'

/**
 * Shoeybi et al.'s Megatron-BERT (transformers' `MegatronBertModel`): a BERT that normalises before attention and MLP and
 * behind the last layer, not behind its embeddings.
 */
export const megatronBert: TextTowerModule<MegatronBertConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'megatron-bert',
  staleNames: [STALE_POSITIONS],
  inputs: BERT_INPUTS,
  forward(ops, w, config, inputs, taps) {
    const { words, positions } = bertSum(ops, w.at('embeddings'), config, inputs)
    const x = ops.dropout(ops.add(words, positions), config.hiddenDropoutProb)
    return preNormBert(ops, w, config, x, inputs.attentionMask, taps, {
      norms: ['attention.ln', 'ln'],
      last: 'encoder.ln',
    })
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
