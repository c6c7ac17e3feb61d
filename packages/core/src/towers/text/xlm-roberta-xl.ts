import type { XLMRobertaXLConfig } from './xlm-roberta-xl.config'
import { bertSum, STALE_POSITIONS } from './bert'
import type { BERT_INPUTS } from '../inputs'
import { preNormBert } from './pre-norm-bert'
import { paddingOf, ROBERTA_INPUTS, robertaLength } from './roberta'
import type { TextTowerModule } from '../tower'

/**
 * Goyal et al.'s XLM-RoBERTa-XL (transformers' `XLMRobertaXLModel`): a RoBERTa that normalises before attention and MLP
 * and behind the last layer, not behind its embeddings.
 */
export const xlmRobertaXL: TextTowerModule<XLMRobertaXLConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'xlm-roberta-xl',
  staleNames: [STALE_POSITIONS],
  inputs: ROBERTA_INPUTS,
  forward(ops, w, config, inputs, taps) {
    const { words, positions } = bertSum(ops, w.at('embeddings'), config, inputs, {
      positionPadding: paddingOf(config),
    })
    const x = ops.dropout(ops.add(words, positions), config.hiddenDropoutProb)
    return preNormBert(ops, w, config, x, inputs.attentionMask, taps, {
      norms: ['attention.self_attn_layer_norm', 'LayerNorm'],
      last: 'encoder.LayerNorm',
      mlpDropout: 0,
    })
  },
  maxLength: robertaLength,
}
