import { ConfigError } from '../../base/errors'
import type { JsonObject } from '../../base/pretrained-config'
import type { Source } from '../../files/types'
import type { WeightEntry, Weights } from '../../weights/entry'
import { openTwoTowers } from '../../weights/formats/big-vision'
import { OPEN_CLIP, SIGLIP } from '../families'

const unsupported = (what: string): ConfigError =>
  new ConfigError('unsupported-config', `This two_towers checkpoint of big_vision ${what}, which is not read.`)

/** What a transformer's parameters say of its sizes. */
function transformerOf(params: Weights, under: string): JsonObject {
  const block = `${under}/encoderblock_0`
  const [query, mlp] = ['MultiHeadDotProductAttention_0/query/kernel', 'MlpBlock_0/Dense_0/kernel'].map((name) =>
    params.get(`${block}/${name}`),
  ) as [WeightEntry | undefined, WeightEntry | undefined]
  if (query?.shape.length !== 3 || mlp?.shape.length !== 2) throw unsupported(`has no transformer under ${under}`)
  let layers = 0
  while (params.has(`${under}/encoderblock_${layers}/LayerNorm_0/scale`)) layers++
  return {
    hidden_size: query.shape[0],
    num_hidden_layers: layers,
    num_attention_heads: query.shape[1],
    intermediate_size: mlp.shape[1],
    // Flax's own.
    hidden_act: 'gelu_pytorch_tanh',
    layer_norm_eps: 1e-6,
  }
}

function visionOf(params: Weights): JsonObject {
  const [height = 0, width = 0, channels = 0] = params.get('img/embedding/kernel')!.shape
  const rows = params.get('img/pos_embedding')?.shape[1]
  if (rows === undefined) throw unsupported('keeps no positions of its patches (posemb: sincos2d)')
  const [isMap, isTok, rep] = ['img/MAPHead_0/probe', 'img/cls', 'img/pre_logits/kernel'].map((name) =>
    params.has(name),
  ) as [boolean, boolean, boolean]
  const side = Math.floor(Math.sqrt(rows))
  const patches = isTok && side ** 2 + 1 === rows ? rows - 1 : rows
  if (side ** 2 !== patches) throw unsupported(`has ${rows} positions, which make no square`)
  if (rep && !isTok) throw unsupported('has a rep_size behind patches that are pooled')
  const shared: JsonObject = {
    ...transformerOf(params, 'img/Transformer'),
    num_channels: channels,
    patch_size: height === width ? height : [height, width],
    image_size: height === width ? side * height : [side * height, side * width],
  }
  if (isTok) return { model_type: 'vit', ...shared, ...(!rep && { pooling: 'cls' }) }
  return { model_type: 'siglip_vision_model', ...shared, ...(!isMap && { pooling: 'mean', vision_use_head: false }) }
}

function textOf(params: Weights): JsonObject {
  const table = params.get('txt/Embed_0/embedding')
  if (!table) throw unsupported("has a text tower that is no text_transformer (BERT's, for one)")
  if (params.has('txt/MAPHead_0/probe')) throw unsupported("pools its texts by attention (pool_type: 'map')")
  const head = params.get('txt/head/kernel')?.shape[1]
  return {
    ...transformerOf(params, 'txt/Encoder_0'),
    vocab_size: table.shape[0],
    max_position_embeddings: params.get('txt/pos_embedding')?.shape[1],
    ...(head === undefined
      ? { model_type: 'open_clip_text_model', causal: false, pool_type: 'last' }
      : { model_type: 'siglip_text_model', projection_size: head }),
  }
}

/**
 * What a `two_towers` checkpoint of big_vision says of its model by names and shapes, as the family that computes the same.
 * It does not say how texts are pooled: at the last token, as SigLIP and LiT do, unless the caller gives a `pooling`.
 * @throws ConfigError for what is not read
 */
export async function configOfBigVision(source: Source, file: string): Promise<JsonObject> {
  const params = (await openTwoTowers(source, file))!
  const [vision, text] = [visionOf(params), textOf(params)]
  const [biased, headed] = [params.has('b'), params.has('img/head/kernel')]
  const towers = { vision_config: vision, text_config: text }
  const is = SIGLIP.towers!
  if (biased && !headed && !vision.pooling && vision.model_type === is.vision && text.model_type === is.text)
    return { model_type: SIGLIP.modelType, ...towers }
  return {
    model_type: OPEN_CLIP.modelType,
    projection_dim: text.projection_size ?? text.hidden_size,
    ...towers,
    vision_projection: headed ? 'linear-bias' : 'none',
    text_projection: 'none',
    logit_bias: biased,
  }
}
