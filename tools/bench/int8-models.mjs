import { BertConfig, CLIPConfig, SiglipConfig, ViTConfig, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { CLIPModel, SiglipModel, TextTower, VisionTextDualEncoderModel } from '@dual-encoder/onnx'

const pair = () => VisionTextDualEncoderConfig.fromVisionTextConfigs(new ViTConfig(), new BertConfig())
const clip = () => CLIPConfig.fromJSON({ vision_config: { patch_size: 16 } })
/** What is drawn, what is loaded of it, and how long its texts are. */
const MODELS = {
  pair: {
    draw: () => VisionTextDualEncoderModel.fromConfig(pair()),
    Loaded: VisionTextDualEncoderModel,
    lengths: [16, 32],
  },
  clip: { draw: () => CLIPModel.fromConfig(clip()), Loaded: CLIPModel, lengths: [77, 77] },
  siglip: { draw: () => SiglipModel.fromConfig(SiglipConfig.fromJSON({})), Loaded: SiglipModel, lengths: [64, 64] },
  bert: { draw: () => VisionTextDualEncoderModel.fromConfig(pair()), Loaded: TextTower, lengths: [16, 32] },
}

/**
 * What its texts' tower gives.
 * @param {import('@dual-encoder/onnx').OnnxModel | TextTower} model @param {ReturnType<typeof import('./inputs.mjs').texts>} inputs
 */
export const embedTexts = (model, inputs) =>
  model instanceof TextTower ? model.forward(inputs) : model.getTextFeatures(inputs)

/** One of them by its name. */
export function modelOf(/** @type {string} */ name) {
  const chosen = MODELS[/** @type {keyof typeof MODELS} */ (name)]
  if (!chosen) throw new Error(`MODEL is "${name}". Should be one of: ${Object.keys(MODELS).join(', ')}.`)
  return chosen
}
