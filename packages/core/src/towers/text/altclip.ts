import { onlyPooled, pool } from '../blocks'
import type { BERT_INPUTS } from '../inputs'
import type { TextTowerModule } from '../tower'
import type { AltCLIPTextConfig } from './altclip.config'
import { bertForward, STALE_POSITIONS } from './bert'
import { paddingOf, ROBERTA_INPUTS } from './roberta'

/** Chen et al.'s XLM-R without a pooler, normed and brought to CLIP's size (transformers' `AltCLIPTextModel`). */
export const altClipText: TextTowerModule<AltCLIPTextConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'altclip_text_model',
  staleNames: [new RegExp(STALE_POSITIONS.source.replace('^', '^roberta\\.')), /^roberta\.pooler\.dense\./],
  // transformers 5's in memory.
  otherNames: [[/^roberta\.encoder\.layers\./, 'roberta.encoder.layer.']],
  inputs: ROBERTA_INPUTS,
  pooledSize: (config) => config.projectDim,
  maxLength: (config) => config.maxPositionEmbeddings - config.padTokenId - 1,
  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D, pooling = 'cls' } = config
    const bert = bertForward(ops, w.at('roberta'), { ...config, pooling }, inputs, taps, {
      positionPadding: paddingOf(config),
    })
    const { lastHiddenState, poolerOutput: _, ...collected } = bert
    const normed = ops.layerNorm(
      lastHiddenState as NonNullable<typeof lastHiddenState>,
      w.at('pre_LN').norm(D, config.layerNormEps),
    )
    const last = ops.linear(normed, w.at('transformation').linear(D, config.projectDim))
    const poolerOutput = pool(ops, pooling, last, { mask: inputs.attentionMask })
    return { ...(onlyPooled(taps) ? {} : { lastHiddenState: last }), poolerOutput, ...collected }
  },
}
