import { ConfigError } from '../../base/errors'
import { isJsonObject, type Json, type JsonObject } from '../../base/pretrained-config'
import { openSource, readJson } from '../../files/source'
import type { Source } from '../../files/types'
import { isTextTower } from '../../towers/registry'
import type { ProjectionForm } from '../encoder'
import { CLIP, METACLIP_2, OPEN_CLIP, SIGLIP } from '../families'
import { convnextOfTimm, siglipOfTimm, vitOfTimm } from './timm'

/** A tower by transformers' names, and the projection behind it. */
interface Side {
  readonly tower: JsonObject
  readonly projection: ProjectionForm
}

const unsupported = (what: string, allowed: string): ConfigError =>
  new ConfigError('unsupported-config', `open_clip_config.json: ${what}. ${allowed}`)

/** @throws ConfigError for a value that is set and changes what the model computes in a way that is not read */
function refuse(where: string, config: JsonObject, names: readonly string[]): void {
  for (const name of names) {
    const value = config[name]
    if (value !== undefined && value !== null && value !== false && value !== 'default')
      throw unsupported(`${where}.${name} is ${JSON.stringify(value)}`, 'Models with it are not read.')
  }
}

/** What both of open_clip's own transformers may have and we do not read. */
const BLOCKS = ['ls_init_value', 'block_type', 'qk_norm', 'scaled_cosine_attn', 'scale_heads'].concat([
  'scale_attn_inner',
  'scale_attn',
  'scale_fc',
])

const numberIn = (config: JsonObject, name: string, otherwise: number): number => {
  const value = config[name] ?? otherwise
  if (typeof value === 'number') return value
  throw new ConfigError('bad-config-value', `open_clip_config.json: ${name} is ${JSON.stringify(value)}, no number.`)
}

const textIn = (config: JsonObject, name: string, otherwise: string): string => {
  const value = config[name] ?? otherwise
  if (typeof value === 'string') return value
  throw new ConfigError('bad-config-value', `open_clip_config.json: ${name} is ${JSON.stringify(value)}, no string.`)
}

/** `act_kwargs` and `norm_kwargs`. */
function blockOf(config: JsonObject, quick: boolean): JsonObject {
  const { act_kwargs: act, norm_kwargs: norm } = config
  const tanh = isJsonObject(act) && act.approximate === 'tanh'
  return {
    hidden_act: quick ? 'quick_gelu' : tanh ? 'gelu_pytorch_tanh' : 'gelu',
    layer_norm_eps: isJsonObject(norm) ? numberIn(norm, 'eps', 1e-5) : 1e-5,
  }
}

function visionOf(config: JsonObject, quick: boolean, embedDim: number): Side {
  const { timm_model_name: timm } = config
  if (typeof timm === 'string') return timmOf(config, timm)
  refuse('vision_cfg', config, BLOCKS)
  if (Array.isArray(config.layers))
    throw unsupported('vision_cfg.layers is a list, a ResNet as OpenAI changed it', 'Vision transformers are read.')
  const kind = textIn(config, 'pos_embed_type', 'learnable')
  if (kind !== 'learnable') throw unsupported(`vision_cfg.pos_embed_type is "${kind}"`, 'Should be: learnable.')
  const pool = textIn(config, 'pool_type', 'tok')
  const attention = config.attentional_pool ?? false
  const width = numberIn(config, 'width', 768)
  if (attention !== false && (attention !== true || pool !== 'tok' || width === embedDim))
    throw unsupported(
      `vision_cfg.attentional_pool is ${JSON.stringify(attention)} with pool_type "${pool}", width ${width} and embed_dim ${embedDim}`,
      "Should be true with pool_type tok and a width of its own, as CoCa's.",
    )
  const meanOfNormed = pool === 'avg' && config.final_ln_after_pool !== true
  if (!['tok', 'avg'].includes(pool) || meanOfNormed)
    throw unsupported(
      `vision_cfg.pool_type is "${pool}"${meanOfNormed ? ' before the last norm' : ''}`,
      'Should be: tok, or avg with final_ln_after_pool.',
    )
  return {
    tower: {
      model_type: attention || config.no_ln_pre === true ? 'open_clip_vision_model' : 'clip_vision_model',
      hidden_size: width,
      intermediate_size: Math.trunc(width * numberIn(config, 'mlp_ratio', 4)),
      num_hidden_layers: numberIn(config, 'layers', 12),
      num_attention_heads: Math.floor(width / numberIn(config, 'head_width', 64)),
      image_size: config.image_size ?? 224,
      patch_size: config.patch_size ?? 16,
      ...blockOf(config, quick),
      ...(pool === 'avg' && { pooling: 'mean' }),
      ...(config.no_ln_pre === true && { pre_layernorm: false }),
      ...(attention && {
        attn_pooler_queries: numberIn(config, 'attn_pooler_queries', 256),
        attn_pooler_heads: numberIn(config, 'attn_pooler_heads', 8),
        projection_size: embedDim,
      }),
    },
    projection: 'linear',
  }
}

function timmOf(config: JsonObject, name: string): Side {
  const [pool, projection] = [textIn(config, 'timm_pool', 'avg'), textIn(config, 'timm_proj', 'linear')]
  const tower = vitOfTimm(name, config, pool) ?? siglipOfTimm(name, config) ?? convnextOfTimm(name, config)
  if (!tower)
    throw unsupported(
      `vision_cfg.timm_model_name is "${name}"`,
      "Of timm's towers SigLIP's (vit_*_siglip_*), plain ones with a class token (vit_base_patch16_224) and ConvNeXt (convnext_base) are read.",
    )
  // timm's own pool is the one that the name says, where open_clip's config does not say another. A plain tower that is
  // averaged and has nothing behind it has its last norm behind the mean.
  const own = {
    vit: projection === 'none' ? ['token'] : ['token', 'avg'],
    siglip_vision_model: [tower.pooling === 'mean' ? 'avg' : 'map'],
    convnext: ['avg'],
  }[tower.model_type]
  if (!own.includes(pool) && pool !== '')
    throw unsupported(`vision_cfg.timm_pool is "${pool}"`, `Of ${name}: ${own.map((one) => `"${one}"`).join(', ')}.`)
  const bias = config.timm_proj_bias === true
  const forms: Readonly<Record<string, ProjectionForm>> = {
    none: 'none',
    linear: bias ? 'linear-bias' : 'linear',
    mlp: bias ? 'timm-mlp-bias' : 'timm-mlp',
  }
  if (!Object.hasOwn(forms, projection))
    throw unsupported(`vision_cfg.timm_proj is "${projection}"`, `Should be one of: ${Object.keys(forms).join(', ')}.`)
  return { tower, projection: forms[projection]! }
}

function textOf(config: JsonObject, quick: boolean, embedDim: number): Side {
  refuse('text_cfg', config, BLOCKS)
  const pool = textIn(config, 'pool_type', 'argmax')
  const embedCls = config.embed_cls === true
  if (embedCls) refuse('text_cfg', config, ['correct_cls_mask'])
  const causal = config.no_causal_mask !== true
  const headed = config.proj_bias === true
  const proj = textIn(config, 'proj_type', 'linear')
  const unprojected = proj === 'none'
  if (!unprojected && proj !== 'linear')
    throw unsupported(`text_cfg.proj_type is "${proj}"`, 'Should be one of: linear, none.')
  const width = numberIn(config, 'width', 512)
  const eos = numberIn(config, 'eos_id', 2)
  const shared: JsonObject = {
    vocab_size: numberIn(config, 'vocab_size', 49408),
    hidden_size: width,
    intermediate_size: Math.trunc(width * numberIn(config, 'mlp_ratio', 4)),
    num_hidden_layers: numberIn(config, 'layers', 12),
    num_attention_heads: numberIn(config, 'heads', 8),
    max_position_embeddings: numberIn(config, 'context_length', 77) + (embedCls ? 1 : 0),
    pad_token_id: numberIn(config, 'pad_id', 0),
    ...blockOf(config, quick),
  }
  const projection = unprojected || headed ? 'none' : 'linear'
  const head = headed && !unprojected ? { projection_size: embedDim } : {}
  if (embedCls) return { tower: { model_type: 'coca_text_model', ...shared, ...head, causal }, projection }
  // An eos_token_id of 2 is the largest id in a CLIPTextConfig: argmax to the letter. MetaClip2's is the id itself.
  if (causal && !headed && !unprojected && (pool === 'argmax' || pool === 'eos')) {
    const model_type = pool === 'eos' && eos === 2 ? 'metaclip_2_text_model' : 'clip_text_model'
    return { tower: { model_type, ...shared, eos_token_id: pool === 'eos' ? eos : 2 }, projection }
  }
  if (!causal && pool === 'last' && headed && !unprojected)
    return { tower: { model_type: 'siglip_text_model', ...shared, ...head }, projection }
  return {
    tower: { model_type: 'open_clip_text_model', ...shared, ...head, causal, pool_type: pool, eos_token_id: eos },
    projection,
  }
}

const HF_PROJECTIONS: Readonly<Record<string, ProjectionForm>> = { linear: 'linear', mlp: 'mlp' }
const HF_POOLERS: Readonly<Record<string, string | undefined>> = {
  mean_pooler: 'mean',
  cls_pooler: undefined,
  cls_last_hidden_state_pooler: 'cls',
}

/** A text tower of transformers: its config lies beside, or where `hf_model_name` says. */
async function hfOf(config: JsonObject, name: string, beside: JsonObject | undefined, from: Source): Promise<Side> {
  const tower = beside ?? (await configAt(name, from))
  const pooler = textIn(config, 'hf_pooler_type', 'mean_pooler')
  if (!Object.hasOwn(HF_POOLERS, pooler))
    throw unsupported(
      `text_cfg.hf_pooler_type is "${pooler}"`,
      `Should be one of: ${Object.keys(HF_POOLERS).join(', ')}.`,
    )
  const projection = lookupForm(config.hf_proj_type ?? 'mlp')
  return { tower: { ...tower, ...(HF_POOLERS[pooler] && { pooling: HF_POOLERS[pooler] }) }, projection }
}

function lookupForm(name: Json): ProjectionForm {
  if (typeof name === 'string' && Object.hasOwn(HF_PROJECTIONS, name)) return HF_PROJECTIONS[name]!
  throw unsupported(`text_cfg.hf_proj_type is ${JSON.stringify(name)}`, 'Should be one of: linear, mlp.')
}

async function configAt(name: string, from: Source): Promise<JsonObject> {
  let cause: unknown
  try {
    const found = await readJson(await (from.other ?? openSource)(name), 'config.json')
    if (found && isTextTower(found.model_type)) return found
  } catch (error) {
    cause = error
  }
  throw new ConfigError(
    'no-text-config',
    `open_clip_config.json names its text tower "${name}", whose config.json was not found there` +
      `${cause instanceof Error ? ` (${cause.message})` : ''}. Put that config.json under "text_config" in open_clip_config.json.`,
    { cause },
  )
}

/** CoCa's two towers as open_clip has them without the decoder that writes captions. */
function withoutDecoder(model: Json | undefined): Json | undefined {
  if (!isJsonObject(model) || !model.multimodal_cfg) return model
  const { multimodal_cfg: _, vision_cfg, text_cfg, ...rest } = model
  const pooledOnly = (part: Json | undefined) => (isJsonObject(part) ? { ...part, output_tokens: false } : part)
  return { ...rest, vision_cfg: pooledOnly(vision_cfg), text_cfg: pooledOnly(text_cfg), custom_text: true }
}

/**
 * What `open_clip_config.json` says, by transformers' names: as the family that computes the same, else as `open_clip`.
 * @param json the file, or `{ model_cfg, preprocess_cfg }`
 * @throws ConfigError for what is not read
 */
export async function configOfOpenClip(json: JsonObject, source: Source): Promise<JsonObject> {
  const model = withoutDecoder(json.model_cfg)
  if (!isJsonObject(model) || !isJsonObject(model.vision_cfg) || !isJsonObject(model.text_cfg))
    throw new ConfigError(
      'bad-config',
      `open_clip_config.json of ${source.describe} holds no model_cfg with a vision_cfg and a text_cfg.`,
    )
  const [quick, embedDim] = [model.quick_gelu === true, numberIn(model, 'embed_dim', 512)]
  const hf = model.text_cfg.hf_model_name
  const vision = visionOf(model.vision_cfg, quick, embedDim)
  const beside = isJsonObject(json.text_config) ? json.text_config : undefined
  const text =
    typeof hf === 'string' ? await hfOf(model.text_cfg, hf, beside, source) : textOf(model.text_cfg, quick, embedDim)
  const biased = typeof model.init_logit_bias === 'number'
  const logits = {
    projection_dim: embedDim,
    logit_scale_init_value: numberIn(model, 'init_logit_scale', Math.log(1 / 0.07)),
  }
  const towers = { vision_config: vision.tower, text_config: text.tower }
  const is = (of: typeof CLIP) =>
    of.towers?.text === text.tower.model_type && !vision.tower.pooling && !text.tower.pooling
  const isClip = vision.tower.model_type === CLIP.towers?.vision && !biased
  if (is(CLIP) && isClip) return { model_type: CLIP.modelType, ...logits, ...towers }
  // MetaClip2's vision tower is CLIP's by another name.
  if (is(METACLIP_2) && isClip)
    return {
      model_type: METACLIP_2.modelType,
      ...logits,
      ...towers,
      vision_config: { ...vision.tower, model_type: 'metaclip_2_vision_model' },
    }
  if (is(SIGLIP) && vision.tower.model_type === SIGLIP.towers?.vision && vision.projection === 'none' && biased)
    return { model_type: SIGLIP.modelType, ...towers }
  return {
    model_type: OPEN_CLIP.modelType,
    ...logits,
    ...towers,
    vision_projection: vision.projection,
    text_projection: text.projection,
    logit_bias: biased,
    open_clip: { model_cfg: model, ...(json.preprocess_cfg ? { preprocess_cfg: json.preprocess_cfg } : {}) },
  }
}
