import type { VIT_BASE, ViTConfig } from './vit.config'
import { pairOf } from '../grid'
import { activationOf } from '../../ops/activations'
import { mlp, pool, preNormEncoder, type PreNormLayer, firstSuffices } from '../blocks'
import type { Init, Ops } from '../../ops/ops'
import { patchTokens, trainedPatches } from '../patches'
import type { Scope } from '../../ops/scope'
import type { Taps, TowerOutput, VisionConfig, VisionInputs, VisionTowerModule } from '../tower'
import { VIT_STATE_DICT } from './state-dict-names'

type ViTLike = typeof VIT_BASE &
  VisionConfig & { readonly poolerOutputSize?: number | null; readonly poolerAct?: string }

/** ViT's and DeiT's layer by transformers 4's names, which every transformers writes. */
function vitLayer<T>(ops: Ops<T>, w: Scope, config: ViTLike): PreNormLayer<T> {
  const { hiddenSize: D, intermediateSize, layerNormEps: eps, qkvBias: bias } = config
  const self = w.at('attention.attention')
  return {
    norm1: w.at('layernorm_before').norm(D, eps),
    norm2: w.at('layernorm_after').norm(D, eps),
    attention: {
      query: self.at('query').linear(D, D, { bias }),
      key: self.at('key').linear(D, D, { bias }),
      value: self.at('value').linear(D, D, { bias }),
      output: w.at('attention.output.dense').linear(D, D),
    },
    mlp: mlp(
      ops,
      w.at('intermediate.dense').linear(D, intermediateSize),
      activationOf(config.hiddenAct),
      w.at('output.dense').linear(intermediateSize, D),
    ),
  }
}

export interface ViTOptions {
  /** Learned tokens before the patches; `cls_token` unless given. */
  readonly tokens?: readonly string[]
  /** How these and the positions are drawn. */
  readonly init?: Init
  /** How the positions are drawn, where it is otherwise. */
  readonly positions?: Init
  /** How the patch embedding is drawn. */
  readonly patches?: Init
  /** It has no pooler: `pooling` is needed. */
  readonly unpooled?: boolean
}

/** The ViT of Dosovitskiy et al. (transformers' `ViTModel`), and what differs from it in its tokens and pooler alone. */
export function vitForward<T>(
  ops: Ops<T>,
  w: Scope,
  config: ViTLike,
  inputs: VisionInputs<T>,
  taps: Taps,
  { tokens = ['cls_token'], init, positions = init, patches, unpooled = false }: ViTOptions = {},
): TowerOutput<T> {
  const { hiddenSize: D } = config
  const pooling = config.pooling ?? (unpooled ? 'cls' : undefined)
  const embeddings = w.at('embeddings')
  const layer = embeddings.at('patch_embeddings.projection').patches(config.numChannels, D, pairOf(config.patchSize))
  const prefix = tokens.length
  const x = patchTokens(ops, inputs, config, {
    layer: patches ? { ...layer, weight: { ...layer.weight, init: patches } } : layer,
    tokens: tokens.map((name) => embeddings.param(name, [1, 1, D], init)),
    positions: embeddings.param('position_embeddings', [1, prefix + trainedPatches(config), D], positions),
  })
  const { last, ...collected } = preNormEncoder(
    ops,
    ops.dropout(x, config.hiddenDropoutProb),
    (index) => vitLayer(ops, w.at(`encoder.layer.${index}`), config),
    w.at('layernorm').norm(D, config.layerNormEps),
    {
      layers: config.numHiddenLayers,
      heads: config.numAttentionHeads,
      taps,
      firstTokenOnly: firstSuffices(taps, pooling),
      hiddenDropout: config.hiddenDropoutProb,
      attentionDropout: config.attentionProbsDropoutProb,
    },
  )
  const poolerOutput = pooling
    ? pool(ops, pooling, last, { prefix })
    : ops.linear(
        ops.token(last, 0),
        w.at('pooler.dense').linear(D, config.poolerOutputSize ?? D),
        activationOf(config.poolerAct ?? 'tanh'),
      )
  return { lastHiddenState: last, poolerOutput, ...collected }
}

/** `embeddings.mask_token`: only masked pre-training reads it. */
export const MASK_TOKEN = /^embeddings\.mask_token$/

export const vit: VisionTowerModule<ViTConfig> = {
  kind: 'vision',
  modelType: 'vit',
  staleNames: [MASK_TOKEN],
  otherNames: VIT_STATE_DICT,
  forward: (ops, w, config, inputs, taps) => vitForward(ops, w, config, inputs, taps),
}
