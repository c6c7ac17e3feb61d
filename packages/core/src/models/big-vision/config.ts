import { ConfigError } from '../../base/errors'
import type { JsonObject } from '../../base/pretrained-config'
import type { Source } from '../../files/types'
import type { WeightEntry, Weights } from '../../weights/entry'
import { BERT_WORDS, openTwoTowers } from '../../weights/formats/big-vision'
import { OPEN_CLIP, SIGLIP } from '../families'

const unsupported = (what: string): ConfigError =>
  new ConfigError(
    'unsupported-config',
    `This two_towers checkpoint of big_vision ${what}, which is not read. ` +
      'Read are its ViT (map, gap, tok) beside its text_transformer or a BERT.',
  )

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

/** Side of the pictures whose positions are computed (`posemb: sincos2d`), which the file does not tell. */
const COMPUTED_SIZE = 224

function visionOf(params: Weights): JsonObject {
  const { shape } = params.get('img/embedding/kernel')!
  if (shape.length !== 4) throw unsupported('takes patches instead of pixels (NaFlex)')
  const [height = 0, width = 0, channels = 0] = shape
  const [isMap, isTok, rep] = ['img/MAPHead_0/probe', 'img/cls', 'img/pre_logits/kernel'].map((name) =>
    params.has(name),
  ) as [boolean, boolean, boolean]
  const rows = params.get('img/pos_embedding')?.shape[1]
  const side = rows === undefined ? undefined : Math.floor(Math.sqrt(rows))
  if (side !== undefined && side ** 2 !== rows && !(isTok && side ** 2 + 1 === rows))
    throw unsupported(`has ${rows} positions, which make no square`)
  if (rep && !isTok) throw unsupported('has a rep_size behind patches that are pooled')
  const shared: JsonObject = {
    ...transformerOf(params, 'img/Transformer'),
    num_channels: channels,
    patch_size: height === width ? height : [height, width],
    image_size: !side ? COMPUTED_SIZE : height === width ? side * height : [side * height, side * width],
  }
  if (isTok) return { model_type: 'vit', ...shared, ...(!rep && { pooling: 'cls' }) }
  return { model_type: 'siglip_vision_model', ...shared, ...(!isMap && { pooling: 'mean', vision_use_head: false }) }
}

/** Values of each of a BERT's heads: flaxformer's kernels do not tell them apart, and base and large are alike in this. */
const HEAD_SIZE = 64

function bertOf(params: Weights, [vocab_size, hidden_size = 0]: readonly number[]): JsonObject {
  const rowsOf = (name: string) => params.get(`txt/BertEncoder_0/${name}`)?.shape
  const layer = (index: number) => `encoder_block/layer_sequence/layers_${index}/mlp_block/mlp/dense_layer/kernel`
  if (hidden_size % HEAD_SIZE !== 0)
    throw unsupported(`has a BERT of width ${hidden_size}, no multiple of ${HEAD_SIZE}`)
  let layers = 0
  while (rowsOf(layer(layers))) layers++
  return {
    model_type: 'bert',
    vocab_size,
    hidden_size,
    num_hidden_layers: layers,
    num_attention_heads: hidden_size / HEAD_SIZE,
    intermediate_size: rowsOf(layer(0))?.[1],
    max_position_embeddings: rowsOf('embedder/embedders_position_ids/embedding')?.[0],
    type_vocab_size: rowsOf('embedder/embedders_segment_ids/embedding')?.[0],
    hidden_act: 'gelu_pytorch_tanh',
    pooling: 'cls',
  }
}

function textOf(params: Weights): JsonObject {
  const words = params.get(`${BERT_WORDS}/embedding`)
  if (words) return bertOf(params, words.shape)
  const table = params.get('txt/Embed_0/embedding')
  if (!table) throw unsupported('has a text tower that is neither a text_transformer nor a BERT')
  const pool_type = params.has('txt/MAPHead_0/probe') ? 'map' : 'last'
  const head = params.get('txt/head/kernel')?.shape[1]
  return {
    ...transformerOf(params, 'txt/Encoder_0'),
    vocab_size: table.shape[0],
    max_position_embeddings: params.get('txt/pos_embedding')?.shape[1],
    ...(head === undefined || pool_type === 'map'
      ? { model_type: 'open_clip_text_model', causal: false, pool_type, projection_size: head }
      : { model_type: 'siglip_text_model', projection_size: head }),
  }
}

/**
 * What a `two_towers` checkpoint of big_vision says of its model by names and shapes, as the family that computes the same.
 * It does not say how large pictures are whose positions are computed: 224, unless the caller gives an `imageSize`. Nor
 * how a text_transformer pools: at the last token, as SigLIP does, unless the caller gives a `pooling`.
 * @throws ConfigError for what is not read
 */
export async function configOfBigVision(source: Source, file: string): Promise<JsonObject> {
  const params = (await openTwoTowers(source, file))!
  const [vision, text] = [visionOf(params), textOf(params)]
  const [biased, headed] = [params.has('b'), params.has('img/head/kernel')]
  const behindBert = text.model_type === 'bert' ? params.get('txt/head/kernel')?.shape[1] : undefined
  const towers = { vision_config: vision, text_config: text }
  const is = SIGLIP.towers!
  if (biased && !headed && !vision.pooling && vision.model_type === is.vision && text.model_type === is.text)
    return { model_type: SIGLIP.modelType, ...towers }
  return {
    model_type: OPEN_CLIP.modelType,
    projection_dim: behindBert ?? text.projection_size ?? text.hidden_size,
    ...towers,
    vision_projection: headed ? 'linear-bias' : 'none',
    text_projection: behindBert ? 'linear-bias' : 'none',
    logit_bias: biased,
  }
}
