import type { SiglipVisionConfig } from './siglip.config'
import { pairOf } from '../grid'
import { onlyPooled, pool, preNormEncoder } from '../blocks'
import { clipLayer, type ClipLayerStd, clipMlp } from './clip'
import type { Ops, Projection } from '../../ops/ops'
import { patchTokens, trainedPatches } from '../patches'
import { poolingOf } from '../pooling'
import type { Scope } from '../../ops/scope'
import type { VisionTowerModule } from '../tower'

/** The deviation of LeCun's normal, truncated where transformers 5 truncates it: nowhere. */
export const lecunStd = (fanIn: number): number => fanIn ** -0.5 / 0.87962566103423978

type Sized = Pick<SiglipVisionConfig, 'hiddenSize' | 'intermediateSize'>

/** Glorot's uniform, in which transformers draws most of SigLIP. */
export function siglipStd({ hiddenSize: D, intermediateSize }: Sized): ClipLayerStd {
  const fc = (2 / (D + intermediateSize)) ** 0.5
  return { qkv: D ** -0.5, output: D ** -0.5, fc1: fc, fc2: fc, fcBias: 1e-6, kind: 'uniform' }
}

type Probed = Pick<
  SiglipVisionConfig,
  'hiddenSize' | 'intermediateSize' | 'layerNormEps' | 'numAttentionHeads' | 'hiddenAct'
>

/** x `[B, L, D]` -> `[B, D]`: attention from one learned probe over all tokens (transformers' `SiglipMultiheadAttentionPoolingHead`). */
export function probePool<T>(ops: Ops<T>, w: Scope, config: Probed, x: T): T {
  const { hiddenSize: D, layerNormEps: eps } = config
  const attention = w.at('attention')
  const weight = attention.param('in_proj_weight', [3 * D, D], { kind: 'uniform', std: (2 * D) ** -0.5 })
  const bias = attention.param('in_proj_bias', [3 * D], { kind: 'zeros' })
  const part = (index: number): Projection => {
    const rows = [index * D, (index + 1) * D] as const
    return { weight: { ...weight, rows }, bias: { ...bias, rows } }
  }
  const probe = ops.expandToBatch(ops.param(w.param('probe', [1, 1, D], { kind: 'uniform', std: D ** -0.5 })), x)
  const [k, v] = ops.linears(x, [part(1), part(2)]) as [T, T]
  const { context } = ops.attention(ops.linear(probe, part(0)), k, v, { heads: config.numAttentionHeads })
  const attended = ops.token(ops.linear(context, attention.at('out_proj').linear(D, D, { std: lecunStd(D) })), 0)
  const normed = ops.layerNorm(attended, w.at('layernorm').norm(D, eps))
  return ops.add(attended, clipMlp(ops, w.at('mlp'), config, siglipStd(config))(normed))
}

/** Zhai et al.'s SigLIP vision transformer (transformers' `SiglipVisionModel`). No class token. */
export const siglipVision: VisionTowerModule<SiglipVisionConfig> = {
  kind: 'vision',
  modelType: 'siglip_vision_model',
  innerName: 'vision_model',
  staleNames: [/^embeddings\.position_ids$/],
  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D, layerNormEps: eps } = config
    const pooling = poolingOf(config, config.visionUseHead)
    const embeddings = w.at('embeddings')
    const patch = pairOf(config.patchSize)
    const std = lecunStd(config.numChannels * patch[0] * patch[1])
    const x = patchTokens(ops, inputs, config, {
      layer: embeddings.at('patch_embedding').patches(config.numChannels, D, patch, { std }),
      positions: embeddings
        .at('position_embedding')
        .param('weight', [trainedPatches(config), D], { kind: 'normal', std: D ** -0.5 }),
    })
    const { last, ...collected } = preNormEncoder(
      ops,
      x,
      (index) => clipLayer(ops, w.at(`encoder.layers.${index}`), config, siglipStd(config)),
      w.at('post_layernorm').norm(D, eps),
      {
        layers: config.numHiddenLayers,
        heads: config.numAttentionHeads,
        taps,
        attentionDropout: config.attentionDropout,
      },
    )
    const poolerOutput = pooling ? pool(ops, pooling, last) : probePool(ops, w.at('head'), config, last)
    return { ...(onlyPooled(taps) ? {} : { lastHiddenState: last }), poolerOutput, ...collected }
  },
}
