import type { RobertaPreLayerNormConfig } from './roberta-prelayernorm.config'
import { bertEmbeddings, STALE_POSITIONS } from './bert'
import type { BERT_INPUTS } from '../inputs'
import { preNormBert } from './pre-norm-bert'
import { paddingOf, ROBERTA_INPUTS, robertaLength } from './roberta'
import type { TextTowerModule } from '../tower'

/**
 * Ott et al.'s RoBERTa as fairseq's `encoder_normalize_before` has it (transformers' `RobertaPreLayerNormModel`): it
 * normalises before attention and MLP, behind the last layer, and behind its embeddings too.
 */
export const robertaPreLayerNorm: TextTowerModule<RobertaPreLayerNormConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'roberta-prelayernorm',
  staleNames: [STALE_POSITIONS],
  inputs: ROBERTA_INPUTS,
  forward(ops, w, config, inputs, taps) {
    const x = bertEmbeddings(ops, w.at('embeddings'), config, inputs, { positionPadding: paddingOf(config) })
    return preNormBert(ops, w, config, x, inputs.attentionMask, taps, {
      norms: ['attention.LayerNorm', 'intermediate.LayerNorm'],
      last: 'LayerNorm',
    })
  },
  maxLength: robertaLength,
}
