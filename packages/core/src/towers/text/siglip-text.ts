import { onlyPooled, pool } from '../blocks'
import { ATTENTION_MASK, INPUT_IDS, POSITION_IDS } from '../inputs'
import type { TextTowerModule } from '../tower'
import { lecunStd, siglipStd } from '../vision/siglip'
import { clipTextEncoder } from './clip-text'
import type { SiglipTextConfig } from './siglip-text.config'

const INPUTS = { inputIds: INPUT_IDS, attentionMask: ATTENTION_MASK, positionIds: POSITION_IDS }

/**
 * Zhai et al.'s text transformer: every token sees every other, pooled at the last one, which is padding where the text is
 * shorter (transformers' `SiglipTextModel`). Its texts are padded to `max_position_embeddings`.
 */
export const siglipText: TextTowerModule<SiglipTextConfig, keyof typeof INPUTS> = {
  kind: 'text',
  modelType: 'siglip_text_model',
  innerName: 'text_model',
  staleNames: [/^embeddings\.position_ids$/],
  inputs: INPUTS,
  seesPadding: true,
  maxLength: (config) => config.maxPositionEmbeddings,
  pooledSize: (config) => config.projectionSize ?? config.hiddenSize,
  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D, pooling, projectionSize = D } = config
    const { last, ...collected } = clipTextEncoder(ops, w, config, inputs, taps, {
      std: siglipStd(config),
      tableStd: D ** -0.5,
      causal: false,
    })
    const pooled = pooling ? pool(ops, pooling, last, { mask: inputs.attentionMask }) : ops.token(last, -1)
    const poolerOutput = ops.linear(pooled, w.at('head').linear(D, projectionSize, { std: lecunStd(D) }))
    return { ...(onlyPooled(taps) ? {} : { lastHiddenState: last }), poolerOutput, ...collected }
  },
}
