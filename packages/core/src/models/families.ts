import { ConfigError } from '../base/errors'

/** A kind of model with two towers: what differs between CLIP, SigLIP and their kin, as data. */
export interface Family {
  readonly modelType: string
  /** Its class in transformers, and here in every backend. */
  readonly modelClass: string
  /** `model_type` of its towers; unset where any two make a pair. */
  readonly towers?: { readonly vision: string; readonly text: string }
  /** Whether a linear layer lies between each tower and the shared space; else that is where the towers end. */
  readonly projected: boolean
  /** `[]`, or `[1]` where the original keeps its logit scale so. */
  readonly logitShape: readonly number[]
  /** Of a new model's logit scale; configs may say otherwise where the family is projected. */
  readonly logitScaleInitValue: number
  /** Whether a learned number is added to the logits. */
  readonly logitBias: boolean
  readonly loss: 'clip' | 'siglip'
}

/** What CLIP and its kin share. */
const clipLike = (own: Pick<Family, 'modelType' | 'modelClass' | 'towers'>): Family => ({
  projected: true,
  logitShape: [],
  logitScaleInitValue: 2.6592,
  logitBias: false,
  loss: 'clip',
  ...own,
})

/** Any vision tower beside any text tower. */
export const DUAL_ENCODER: Family = /* @__PURE__ */ clipLike({
  modelType: 'vision-text-dual-encoder',
  modelClass: 'VisionTextDualEncoderModel',
})

export const CLIP: Family = /* @__PURE__ */ clipLike({
  modelType: 'clip',
  modelClass: 'CLIPModel',
  towers: { vision: 'clip_vision_model', text: 'clip_text_model' },
})

/** SigLIP, and SigLIP 2 for pictures of one size. */
export const SIGLIP: Family = {
  modelType: 'siglip',
  modelClass: 'SiglipModel',
  towers: { vision: 'siglip_vision_model', text: 'siglip_text_model' },
  projected: false,
  logitShape: [1],
  logitScaleInitValue: 0,
  logitBias: true,
  loss: 'siglip',
}

export const CHINESE_CLIP: Family = /* @__PURE__ */ clipLike({
  modelType: 'chinese_clip',
  modelClass: 'ChineseCLIPModel',
  towers: { vision: 'chinese_clip_vision_model', text: 'chinese_clip_text_model' },
})

export const METACLIP_2: Family = /* @__PURE__ */ clipLike({
  modelType: 'metaclip_2',
  modelClass: 'MetaClip2Model',
  towers: { vision: 'metaclip_2_vision_model', text: 'metaclip_2_text_model' },
})

export const ALTCLIP: Family = /* @__PURE__ */ clipLike({
  modelType: 'altclip',
  modelClass: 'AltCLIPModel',
  towers: { vision: 'altclip_vision_model', text: 'altclip_text_model' },
})

/** What open_clip trains and no class of transformers computes: each side's projection is its own config's. */
export const OPEN_CLIP: Family = /* @__PURE__ */ clipLike({
  modelType: 'open_clip',
  modelClass: 'OpenCLIPModel',
})

const families = () => [DUAL_ENCODER, CLIP, SIGLIP, CHINESE_CLIP, METACLIP_2, ALTCLIP, OPEN_CLIP]

/** The family of a `config.json`'s `model_type`. */
export const familyOf = (modelType: unknown): Family | undefined =>
  families().find((family) => family.modelType === modelType)

/** What is read of SigLIP 2, where a `model_type` is its other form. */
export const naflexAdvice = (modelType: unknown): string | undefined =>
  /^siglip2(_vision_model)?$/.test(String(modelType))
    ? 'That is SigLIP 2 for pictures of any size (NaFlex), which takes patches instead of pixels and is not ' +
      'supported. SigLIP 2 for pictures of one size (model_type "siglip") is read by SiglipModel.'
    : undefined

/** What to do with a `config.json` that is of another kind than the class that was to read it. */
export function wrongFamily(wanted: Family, modelType: string): ConfigError {
  const given = `config.json is of model_type "${modelType}", not "${wanted.modelType}". `
  const family = familyOf(modelType)
  if (family && wanted === DUAL_ENCODER)
    return new ConfigError(
      'whole-model',
      `${given}Load it by ${family.modelClass}.fromPretrained or AutoModel.fromPretrained; its vision tower can be taken by ` +
        'VisionTextDualEncoderModel.fromVisionTextPretrained(thisSource, textSource).',
    )
  if (family)
    return new ConfigError('wrong-model-class', `${given}Load it by ${family.modelClass}.fromPretrained or AutoModel.`)
  const naflex = naflexAdvice(modelType)
  if (naflex) return new ConfigError('unsupported-model-type', given + naflex)
  return new ConfigError(
    'unsupported-model-type',
    `${given}A tower on its own is loaded by VisionTextDualEncoderModel.fromVisionTextPretrained(visionSource, textSource), ` +
      'VisionTower.fromPretrained or TextTower.fromPretrained.',
  )
}
