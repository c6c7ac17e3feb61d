import { ConfigError } from '../../base/errors'
import { isJsonObject, type JsonObject } from '../../base/pretrained-config'
import { lookup } from '../../base/lookup'
import { type Tensor, tensor } from '../../base/tensor'
import type { Tokenizer, TokenizerCallOptions } from '../../text'
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
    // Transformers, which knows no resize_mode, does by these what it can: all but the last bit of rounding and fill_color.
    size:
      mode === 'longest'
        ? { max_height: height, max_width: width }
        : mode === 'shortest' && isSquare
          ? { shortest_edge: height }
          : target,
    ...(mode !== 'squash' && { crop_size: target, do_center_crop: true }),
    image_mean: mean ?? OPENAI.mean,
    image_std: std ?? OPENAI.std,
    resize_mode: mode,
    ...(fill !== 0 && { fill_color: fill }),
  }
}

/** The tokenizer of transformers that the config names. */
export function tokenizerNameOf(json: JsonObject): string | undefined {
  const name = objectAt(objectAt(json, 'model_cfg'), 'text_cfg').hf_tokenizer_name
  return typeof name === 'string' && name !== '' ? name : undefined
}

/** How texts become ids: open_clip's `SimpleTokenizer`, or its `HFTokenizer` where the config names one. */
export function textsOf(json: JsonObject, tokenizer: Tokenizer): FamilyOptions {
  const model = objectAt(json, 'model_cfg')
  const text = objectAt(model, 'text_cfg')
  const options = objectAt(text, 'tokenizer_kwargs')
  const isHf = tokenizerNameOf(json) !== undefined
  const clean = chosen(CLEAN, 'clean', options.clean ?? (isHf ? 'whitespace' : 'lower'))
  const unread = ['language', 'reduction_mask'].filter((key) => options[key] && !(key === 'reduction_mask' && isHf))
  if (unread.length > 0)
    throw new ConfigError('unsupported-config', `open_clip_config.json: ${unread.join(', ')} of text_cfg is not read.`)
  const length = typeof text.context_length === 'number' ? text.context_length : 77
  const { finish, ...texts } = isHf ? ofTransformers(text, options, tokenizer, length) : { finish: zeroed }
  return {
    loss: typeof model.init_logit_bias === 'number' ? 'siglip' : 'clip',
    texts: { padding: 'max_length', maxLength: length, truncation: true, returnAttentionMask: true, ...texts },
    clean,
    finish({ tokenTypeIds: _, ...tokens }) {
      const { attentionMask, ...finished } = { ...tokens, ...finish(tokens) }
      // open_clip's own transformers take no mask.
      return (typeof text.hf_model_name === 'string' ? { ...finished, attentionMask } : finished) as TextHalf
    },
  }
}

function chosen<T>(of: Readonly<Record<string, T>>, name: string, value: unknown): T {
  const found = typeof value === 'string' ? lookup(of, value) : undefined
  if (found) return found
  throw new ConfigError(
    'bad-config-value',
    `open_clip_config.json: ${name} is ${JSON.stringify(value)}. Should be one of: ${Object.keys(of).join(', ')}.`,
  )
}

type Ids = Pick<TextHalf, 'inputIds' | 'attentionMask'>
type TextForm = TokenizerCallOptions & { readonly finish: (tokens: Ids) => Partial<Ids> }

const mapped = (ids: Tensor<'int64'>, map: (id: bigint, at: number) => bigint): Tensor<'int64'> =>
  tensor(ids.data.map(map), ids.dims)

/** open_clip's own tokenizer pads with zeros. */
const zeroed = ({ inputIds, attentionMask: { data } }: Ids): Partial<Ids> => ({
  inputIds: mapped(inputIds, (id, at) => (data[at] === 0n ? 0n : id)),
})

/** A tokenizer of transformers as `tokenizer_mode` and `strip_sep_token` have it used. */
function ofTransformers(text: JsonObject, options: JsonObject, tokenizer: Tokenizer, length: number): TextForm {
  const modes: Readonly<Record<string, () => TextForm>> = {
    '': () => ({ finish: () => ({}) }),
    clips: () => clips(tokenizer, length),
  }
  const mode = chosen(modes, 'tokenizer_mode', text.tokenizer_mode ?? '')()
  const separator = options.strip_sep_token && !text.tokenizer_mode ? tokenizer.specialTokenId('sep_token') : undefined
  if (separator === undefined) return mode
  return {
    ...mode,
    finish: ({ inputIds }) => ({ inputIds: mapped(inputIds, (id) => (id === BigInt(separator) ? 0n : id)) }),
  }
}

/** Text between `bos_token` and `eos_token`, padded to the length before the last, where `cls_token` stands. */
function clips(tokenizer: Tokenizer, length: number): TextForm {
  const [bos, eos, pad, cls] = ['bos_token', 'eos_token', 'pad_token', 'cls_token'].map((kind) => {
    const id = tokenizer.specialTokenId(kind)
    if (id !== undefined) return BigInt(id)
    throw new ConfigError(
      'bad-config-value',
      `open_clip_config.json: tokenizer_mode "clips" needs a ${kind}, which this tokenizer has not. Set it in tokenizer_config.json.`,
    )
  }) as [bigint, bigint, bigint, bigint]
  const finish = ({ inputIds, attentionMask }: Ids): Ids => {
    const [rows = 0, columns = 0] = inputIds.dims
    const ids = new BigInt64Array(rows * length).fill(pad)
    const mask = new BigInt64Array(rows * length)
    for (let row = 0; row < rows; row++) {
      const at = row * columns
      const kept = inputIds.data.subarray(at, at + columns).filter((_, i) => attentionMask.data[at + i] !== 0n)
      ids.set([bos, ...kept, eos], row * length)
      mask.fill(1n, row * length, row * length + kept.length + 2)
      ids[(row + 1) * length - 1] = cls
      mask[(row + 1) * length - 1] = 1n
    }
    return { inputIds: tensor(ids, [rows, length]), attentionMask: tensor(mask, [rows, length]) }
  }
  return { finish, addSpecialTokens: false, maxLength: length - 3 }
}
