import { activationOf } from '../../ops/activations'
import { rmsNorm } from '../../ops/norms'
import type { Norm, Ops } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { gatedMlp, onlyPooled, pool, preNormEncoder, type PreNormLayer } from '../blocks'
import { gridOf, pairOf } from '../grid'
import { patchTokens, trainedPatches } from '../patches'
import { poolingOf } from '../pooling'
import { waves } from '../positions'
import type { VisionTowerModule } from '../tower'
import type { Aimv2VisionConfig } from './aimv2.config'

function rms<T>(ops: Ops<T>, w: Scope, { hiddenSize, rmsNormEps: eps }: Aimv2VisionConfig): (x: T) => T {
  const norm: Norm = { weight: w.param('weight', [hiddenSize], { kind: 'ones' }), eps }
  return (x) => rmsNorm(ops, x, norm)
}

function aimv2Layer<T>(ops: Ops<T>, w: Scope, config: Aimv2VisionConfig): PreNormLayer<T> {
  const { hiddenSize: D, intermediateSize } = config
  const projection = (name: string) => w.at(`attention.${name}`).linear(D, D, { bias: config.qkvBias })
  const layer = (name: string, from: number, to: number) =>
    w.at(`ffn.${name}`).linear(from, to, { bias: config.mlpBias })
  return {
    norm1: rms(ops, w.at('rms_norm1'), config),
    norm2: rms(ops, w.at('rms_norm2'), config),
    attention: {
      query: projection('q_proj'),
      key: projection('k_proj'),
      value: projection('v_proj'),
      output: projection('out_proj'),
    },
    mlp: gatedMlp(
      ops,
      {
        gate: layer('gate_proj', D, intermediateSize),
        up: layer('up_proj', D, intermediateSize),
        down: layer('down_proj', intermediateSize, D),
      },
      activationOf(config.hiddenAct),
    ),
  }
}

/** Attention from one learned query over all patches (transformers' `Aimv2AttentionPoolingHead`). */
function attentionPool<T>(
  ops: Ops<T>,
  w: Scope,
  { hiddenSize: D, qkvBias: bias, numAttentionHeads: heads }: Aimv2VisionConfig,
  x: T,
): T {
  const query = ops.expandToBatch(ops.param(w.param('cls_token', [1, 1, D])), x)
  const [k, v] = ops.linears(x, [w.at('k_proj').linear(D, D, { bias }), w.at('v_proj').linear(D, D, { bias })]) as [
    T,
    T,
  ]
  const { context } = ops.attention(query, k, v, { heads })
  return ops.linear(ops.token(context, 0), w.at('output_proj').linear(D, D))
}

/** Fini et al.'s AIMv2 (transformers' `Aimv2VisionModel`). No class token; `isNative`: positions of any size. */
export const aimv2Vision: VisionTowerModule<Aimv2VisionConfig> = {
  kind: 'vision',
  modelType: 'aimv2_vision_model',
  imageSizes: ({ isNative }) => (isNative ? 'any' : 'trained'),
  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D, isNative } = config
    const pooling = poolingOf(config, config.useHead)
    const embeddings = w.at('embeddings')
    const patches = patchTokens(ops, inputs, config, {
      layer: embeddings.at('patch_embed').patches(config.numChannels, D, pairOf(config.patchSize)),
      norm: rms(ops, embeddings.at('rms_norm'), config),
      positions: isNative ? undefined : embeddings.param('position_embedding.weight', [trainedPatches(config), D]),
    })
    const grid = gridOf(inputs.imageSize, config.patchSize)
    const { last, ...collected } = preNormEncoder(
      ops,
      isNative ? ops.add(patches, ops.constant(waves(grid, D))) : patches,
      (index) => aimv2Layer(ops, w.at(`encoder.layers.${index}`), config),
      rms(ops, w.at('rms_norm'), config),
      {
        layers: config.numHiddenLayers,
        heads: config.numAttentionHeads,
        taps,
        attentionDropout: config.attentionDropout,
      },
    )
    const poolerOutput = pooling ? pool(ops, pooling, last) : attentionPool(ops, w.at('head'), config, last)
    return { ...(onlyPooled(taps) ? {} : { lastHiddenState: last }), poolerOutput, ...collected }
  },
}
