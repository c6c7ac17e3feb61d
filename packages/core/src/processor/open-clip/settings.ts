import { ConfigError } from '../../base/errors'
import { isJsonObject, type JsonObject } from '../../base/pretrained-config'
import { lookup } from '../../base/lookup'
import { type Tensor, tensor } from '../../base/tensor'
import type { FamilyOptions, TextHalf } from '../processor'
import { CLEAN } from './clean'

const OPENAI = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] }
const MODES = ['shortest', 'longest', 'squash']

const objectAt = (json: JsonObject, name: string): JsonObject => {
  const value = json[name]
  return isJsonObject(value) ? value : {}
}

/** `preprocess_cfg` as the `preprocessor_config.json` that it equals, with `resize_mode`, which only we read. */
export function imagesOf(json: JsonObject): JsonObject {
  const given = objectAt(json, 'preprocess_cfg')
  const { size = objectAt(objectAt(json, 'model_cfg'), 'vision_cfg').image_size ?? 224 } = given
  const { mean, std, interpolation = 'bicubic', resize_mode: mode = 'shortest', fill_color: fill = 0 } = given
  if (typeof mode !== 'string' || !MODES.includes(mode))
    throw new ConfigError(
      'bad-config-value',
      `open_clip_config.json: resize_mode is ${JSON.stringify(mode)}. Should be one of: ${MODES.join(', ')}.`,
    )
  const [height, width] = (Array.isArray(size) ? size : [size, size]) as [number, number]
  const target = { height, width }
  const isSquare = height === width
  const isKept = mode === 'shortest' && !isSquare
  return {
    image_processor_type: mode === 'squash' ? 'SiglipImageProcessor' : 'CLIPImageProcessor',
    // As open_clip, which forgets the filter where it keeps the ratio of a picture that is no square.
    resample: interpolation === 'bilinear' && !isKept ? 2 : 3,
    size: mode === 'shortest' && isSquare ? { shortest_edge: height } : target,
    ...(mode !== 'squash' && { crop_size: target, do_center_crop: true }),
    image_mean: mean ?? OPENAI.mean,
    image_std: std ?? OPENAI.std,
    resize_mode: mode,
    ...(fill !== 0 && { fill_color: fill }),
  }
}

/** How texts become ids: open_clip's `SimpleTokenizer`, or its `HFTokenizer` where the config names one. */
export function textsOf(json: JsonObject): FamilyOptions {
  const model = objectAt(json, 'model_cfg')
  const text = objectAt(model, 'text_cfg')
  const options = objectAt(text, 'tokenizer_kwargs')
  const isHf = typeof text.hf_tokenizer_name === 'string' && text.hf_tokenizer_name !== ''
  const name = options.clean ?? (isHf ? 'whitespace' : 'lower')
  const clean = typeof name === 'string' ? lookup(CLEAN, name) : undefined
  if (!clean)
    throw new ConfigError(
      'bad-config-value',
      `open_clip_config.json: clean is ${JSON.stringify(name)}. Should be one of: ${Object.keys(CLEAN).join(', ')}.`,
    )
  const unread = ['reduction_mask', 'strip_sep_token'].filter((key) => options[key])
  if (text.tokenizer_mode) unread.push('tokenizer_mode')
  if (unread.length > 0)
    throw new ConfigError('unsupported-config', `open_clip_config.json: ${unread.join(', ')} of text_cfg is not read.`)
  return {
    loss: typeof model.init_logit_bias === 'number' ? 'siglip' : 'clip',
    texts: {
      padding: 'max_length',
      maxLength: typeof text.context_length === 'number' ? text.context_length : 77,
      truncation: true,
      returnAttentionMask: true,
    },
    clean,
    settle: (tokens) => settled(tokens, { zeros: !isHf, masked: typeof text.hf_model_name === 'string' }),
  }
}

/** open_clip's own transformers take no mask, and its own tokenizer pads with zeros. */
function settled(tokens: TextHalf, { zeros, masked }: { readonly zeros: boolean; readonly masked: boolean }): TextHalf {
  const { inputIds, attentionMask, tokenTypeIds: _, ...rest } = tokens
  const ids = zeros ? zeroed(inputIds, attentionMask) : inputIds
  return { inputIds: ids, ...(masked && { attentionMask }), ...rest } as TextHalf
}

const zeroed = (ids: Tensor<'int64'>, mask: Tensor<'int64'>): Tensor<'int64'> =>
  tensor(
    ids.data.map((id, i) => (mask.data[i] === 0n ? 0n : id)),
    ids.dims,
  )
