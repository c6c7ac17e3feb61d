import type { XLMRobertaXLConfig } from './xlm-roberta-xl.config'
import { bertLayer, bertPooler, bertSum, encoderOptions, pooledBy, STALE_POSITIONS } from './bert'
import { preNormEncoder } from '../blocks'
import type { BERT_INPUTS } from '../inputs'
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
    const { hiddenSize: D, layerNormEps: eps, attentionMask: mask } = { ...config, ...inputs }
    const { words, positions } = bertSum(ops, w.at('embeddings'), config, inputs, {
      positionPadding: paddingOf(config),
    })
    const { last, hiddenStates, ...collected } = preNormEncoder(
      ops,
      ops.dropout(ops.add(words, positions), config.hiddenDropoutProb),
      (index) => {
        const layer = w.at(`encoder.layer.${index}`)
        const { attention, mlp } = bertLayer(ops, layer, config)
        const [norm1, norm2] = ['attention.self_attn_layer_norm', 'LayerNorm'].map((name) =>
          layer.at(name).norm(D, eps),
        )
        return { attention, mlp, norm1: norm1!, norm2: norm2! }
      },
      w.at('encoder.LayerNorm').norm(D, eps),
      { ...encoderOptions(config, mask, taps), mlpDropout: 0 },
    )
    return {
      lastHiddenState: last,
      poolerOutput: pooledBy(ops, config.pooling, last, mask, bertPooler(ops, w, config)),
      ...(hiddenStates ? { hiddenStates: [...hiddenStates.slice(0, -1), last] } : {}),
      ...collected,
    }
  },
  maxLength: robertaLength,
}
