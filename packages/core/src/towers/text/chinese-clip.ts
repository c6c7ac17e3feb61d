import { BERT_INPUTS } from '../inputs'
import type { TextTowerModule } from '../tower'
import { bertForward, STALE_POSITIONS } from './bert'
import type { ChineseCLIPTextConfig } from './chinese-clip.config'

/** A BERT without a pooler, whose first token is taken (transformers' `ChineseCLIPTextModel` in a `ChineseCLIPModel`). */
export const chineseClipText: TextTowerModule<ChineseCLIPTextConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'chinese_clip_text_model',
  // A pooler that no ChineseCLIP has trained, which some checkpoints hold.
  staleNames: [STALE_POSITIONS, /^pooler\.dense\./],
  inputs: BERT_INPUTS,
  forward: (ops, w, config, inputs, taps) =>
    bertForward(ops, w, { ...config, pooling: config.pooling ?? 'cls' }, inputs, taps),
  maxLength: (config) => config.maxPositionEmbeddings,
}
