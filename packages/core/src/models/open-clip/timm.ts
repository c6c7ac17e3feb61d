import type { JsonObject } from '../../base/pretrained-config'
import { lookup } from '../../base/lookup'

/** Width, layers, heads and the MLP's width of timm's SigLIP towers, by the word in their names. */
const SIZES: Readonly<Record<string, readonly [number, number, number, number]>> = {
  base: [768, 12, 12, 3072],
  large: [1024, 24, 16, 4096],
  so400m: [1152, 27, 16, 4304],
  giantopt: [1536, 40, 16, 6144],
}

/** The same of its plain towers. */
const PLAIN: typeof SIZES = {
  tiny: [192, 12, 3, 768],
  small: [384, 12, 6, 1536],
  base: [768, 12, 12, 3072],
  large: [1024, 24, 16, 4096],
  huge: [1280, 32, 16, 5120],
}

/** Channels of the first of four stages, each of twice as many as that before, and blocks of each. */
const CONVNEXTS: Readonly<Record<string, readonly [number, readonly number[]]>> = {
  tiny: [96, [3, 3, 9, 3]],
  small: [96, [3, 3, 27, 3]],
  base: [128, [3, 3, 27, 3]],
  large: [192, [3, 3, 27, 3]],
  xlarge: [256, [3, 3, 27, 3]],
  xxlarge: [384, [3, 4, 30, 3]],
}

const count = (config: JsonObject, name: string): number | undefined =>
  typeof config[name] === 'number' ? config[name] : undefined

/** open_clip's `vision_cfg` of a tower that timm's own table does not have: open_clip leaves these to timm. */
function sizesIn(config: JsonObject): readonly [number, number, number, number] | undefined {
  const [width, layers] = [count(config, 'width'), count(config, 'layers')]
  if (width === undefined || layers === undefined) return undefined
  const heads = Math.floor(width / (count(config, 'head_width') ?? 64))
  return [width, layers, heads, Math.trunc(width * (count(config, 'mlp_ratio') ?? 4))]
}

/** What a name says by `pattern`, a word for the size, a patch and a side, as transformers' configs have it. */
function sizedBy(pattern: RegExp, name: string, sizes: typeof SIZES, config: JsonObject) {
  const { word = '', patch, side, gap } = pattern.exec(name)?.groups ?? {}
  const found = Object.hasOwn(sizes, word) ? sizes[word] : sizesIn(config)
  if (!patch || !found) return undefined
  const [hidden_size, num_hidden_layers, num_attention_heads, intermediate_size] = found
  const sized = { hidden_size, num_hidden_layers, num_attention_heads, intermediate_size }
  return { word, gap, sized: { ...sized, patch_size: Number(patch), image_size: Number(side), layer_norm_eps: 1e-6 } }
}
const SIGLIP = /^vit_(?<word>[a-z0-9]+)_patch(?<patch>\d+)_siglip_(?<gap>gap_)?(?<side>\d+)(?:\.|$)/
const VIT = /^vit_(?<word>[a-z0-9]+)_patch(?<patch>\d+)_(?<side>\d+)(?:\.|$)/

/**
 * A SigLIP tower of timm as transformers' `SiglipVisionConfig`: `vit_base_patch16_siglip_224`, or with the mean of its
 * patches for a pooler `vit_base_patch16_siglip_gap_224`. Other sizes than timm's say `width`, `layers` and so on.
 */
export function siglipOfTimm(name: string, config: JsonObject) {
  const { word, gap, sized } = sizedBy(SIGLIP, name, SIZES, config) ?? {}
  return (
    sized && {
      model_type: 'siglip_vision_model' as const,
      ...sized,
      hidden_act: word === 'giantopt' ? 'gelu_pytorch_tanh' : 'gelu',
      ...(gap && { pooling: 'mean', vision_use_head: false }),
    }
  )
}

/** A plain tower of timm with a class token (`vit_base_patch16_224`) as transformers' `ViTConfig` without its pooler. */
export function vitOfTimm(name: string, config: JsonObject, pool: string) {
  const { sized } = sizedBy(VIT, name, PLAIN, config) ?? {}
  const pooling = pool === 'avg' ? 'mean' : 'cls'
  return sized && { model_type: 'vit' as const, ...sized, hidden_act: 'gelu', pooling }
}

/** timm's ConvNeXt as transformers' `ConvNextConfig`. Other sizes than timm's say `width` and, a list, `layers`. */
export function convnextOfTimm(name: string, config: JsonObject) {
  const word = /^convnext_(?<word>[a-z]+)(?:\.|$)/.exec(name)?.groups?.word
  if (word === undefined) return undefined
  const [size, stages] = lookup(CONVNEXTS, word) ?? []
  const { width = size, layers: depths = stages } = config
  if (typeof width !== 'number' || !Array.isArray(depths)) return undefined
  const eps = word === 'xxlarge' ? 1e-5 : 1e-6
  return {
    model_type: 'convnext' as const,
    hidden_sizes: depths.map((_, stage) => width * 2 ** stage),
    depths,
    num_stages: depths.length,
    image_size: config.image_size ?? 224,
    hidden_act: 'gelu',
    layer_norm_eps: eps,
    norm_eps: eps,
    pooling: undefined,
  }
}
