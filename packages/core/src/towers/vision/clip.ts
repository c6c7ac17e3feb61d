import type {
  AltCLIPVisionConfig,
  CLIP_VISION_DEFAULTS,
  CLIPVisionConfig,
  ChineseCLIPVisionConfig,
  MetaClip2VisionConfig,
} from './clip.config'
import { pairOf } from '../grid'
import { activationOf } from '../../ops/activations'
import { mlp, pool, preNormEncoder, type PreNormLayer, firstSuffices } from '../blocks'
import type { Ops } from '../../ops/ops'
import { patchTokens, trainedPatches } from '../patches'
import type { Scope } from '../../ops/scope'
import type { Taps, TowerOutput, VisionConfig, VisionInputs, VisionTowerModule } from '../tower'

/** What CLIP's and SigLIP's encoder layers share. */
interface ClipLayerConfig {
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly hiddenAct: string
  readonly layerNormEps: number
}

/** Standard deviations with which a layer's projections are drawn. */
export interface ClipLayerStd {
  readonly qkv?: number
  readonly output?: number
  readonly fc1?: number
  readonly fc2?: number
  /** Of the biases of fc1 and fc2; zero unless given. */
  readonly fcBias?: number
  /** Of all but biases; normal unless given. */
  readonly kind?: 'normal' | 'uniform'
}

/** `fc1` and `fc2` under `w`. */
export const clipMlp = <T>(ops: Ops<T>, w: Scope, config: ClipLayerConfig, std: ClipLayerStd = {}): ((x: T) => T) =>
  mlp(
    ops,
    w
      .at('fc1')
      .linear(config.hiddenSize, config.intermediateSize, { std: std.fc1, biasStd: std.fcBias, kind: std.kind }),
    activationOf(config.hiddenAct),
    w
      .at('fc2')
      .linear(config.intermediateSize, config.hiddenSize, { std: std.fc2, biasStd: std.fcBias, kind: std.kind }),
  )

/** A layer of CLIP's vision tower, which SigLIP shares (transformers' `CLIPEncoderLayer`). */
export function clipLayer<T>(ops: Ops<T>, w: Scope, config: ClipLayerConfig, std: ClipLayerStd): PreNormLayer<T> {
  const { hiddenSize: D, layerNormEps: eps } = config
  const attention = w.at('self_attn')
  const { kind } = std
  return {
    norm1: w.at('layer_norm1').norm(D, eps),
    norm2: w.at('layer_norm2').norm(D, eps),
    attention: {
      query: attention.at('q_proj').linear(D, D, { std: std.qkv, kind }),
      key: attention.at('k_proj').linear(D, D, { std: std.qkv, kind }),
      value: attention.at('v_proj').linear(D, D, { std: std.qkv, kind }),
      output: attention.at('out_proj').linear(D, D, { std: std.output, kind }),
    },
    mlp: clipMlp(ops, w.at('mlp'), config, std),
  }
}

type ClipLike = Pick<typeof CLIP_VISION_DEFAULTS, 'hiddenSize' | 'initializerFactor' | 'numHiddenLayers'>

/** CLIP's initialisation scales each projection by width and depth. */
export function clipStd(config: ClipLike): ClipLayerStd {
  const { hiddenSize: D, initializerFactor: factor } = config
  const deep = D ** -0.5 * (2 * config.numHiddenLayers) ** -0.5 * factor
  return { qkv: deep, output: D ** -0.5 * factor, fc1: (2 * D) ** -0.5 * factor, fc2: deep }
}

/** CLIP's vision transformer up to its last layer: class token and patches `[B, 1 + N, D]`, not normalised. */
export function clipVisionEncoder<T>(
  ops: Ops<T>,
  w: Scope,
  config: typeof CLIP_VISION_DEFAULTS & VisionConfig,
  inputs: VisionInputs<T>,
  taps: Taps,
  { preNorm = true, firstTokenOnly = false }: { readonly preNorm?: boolean; readonly firstTokenOnly?: boolean },
): { last: T } & Omit<TowerOutput<T>, 'poolerOutput' | 'lastHiddenState'> {
  const { hiddenSize: D, layerNormEps: eps, initializerFactor: factor } = config
  const embeddings = w.at('embeddings')
  const std = config.initializerRange * factor
  const x = patchTokens(ops, inputs, config, {
    layer: embeddings
      .at('patch_embedding')
      .patches(config.numChannels, D, pairOf(config.patchSize), { bias: false, std }),
    tokens: [embeddings.param('class_embedding', [D], { kind: 'normal', std: D ** -0.5 * factor })],
    positions: embeddings
      .at('position_embedding')
      .param('weight', [1 + trainedPatches(config), D], { kind: 'normal', std }),
  })
  return preNormEncoder(
    ops,
    preNorm ? ops.layerNorm(x, w.at('pre_layrnorm').norm(D, eps)) : x,
    (index) => clipLayer(ops, w.at(`encoder.layers.${index}`), config, clipStd(config)),
    undefined,
    {
      layers: config.numHiddenLayers,
      heads: config.numAttentionHeads,
      taps,
      firstTokenOnly,
      attentionDropout: config.attentionDropout,
    },
  )
}

/** Radford et al.'s vision transformer (transformers' `CLIPVisionModel`). */
function clipTower<C extends typeof CLIP_VISION_DEFAULTS & VisionConfig>(
  modelType: string,
  otherNames?: VisionTowerModule['otherNames'],
): VisionTowerModule<C> {
  return {
    kind: 'vision',
    modelType,
    otherNames,
    innerName: 'vision_model',
    staleNames: [/^embeddings\.position_ids$/],
    forward(ops, w, config, inputs, taps) {
      const { hiddenSize: D, layerNormEps: eps, pooling } = config
      const firstTokenOnly = firstSuffices(taps, pooling)
      const { last, ...collected } = clipVisionEncoder(ops, w, config, inputs, taps, { firstTokenOnly })
      // The norm belongs to the pooler here: last_hidden_state is not normalised.
      const pooled = pool(ops, pooling ?? 'cls', last, { prefix: 1 })
      const poolerOutput = ops.layerNorm(pooled, w.at('post_layernorm').norm(D, eps))
      return { lastHiddenState: last, poolerOutput, ...collected }
    },
  }
}

export const clipVision = /* @__PURE__ */ clipTower<CLIPVisionConfig>('clip_vision_model')
export const chineseClipVision = /* @__PURE__ */ clipTower<ChineseCLIPVisionConfig>('chinese_clip_vision_model')
export const metaClip2Vision = /* @__PURE__ */ clipTower<MetaClip2VisionConfig>('metaclip_2_vision_model')
// transformers 5 writes a whole AltCLIP's vision layers as those of its text tower.
export const altClipVision = /* @__PURE__ */ clipTower<AltCLIPVisionConfig>('altclip_vision_model', [
  [/^encoder\.layer\./, 'encoder.layers.'],
])
