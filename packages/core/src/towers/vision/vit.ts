import type { VIT_DEFAULTS, ViTConfig } from './vit.config'
import { gridOf, pairOf } from '../grid'
import { activationOf } from '../../ops/activations'
import { mlp, onlyPooled, pool, preNormEncoder, type PreNormLayer, takesFirst } from '../blocks'
import type { Init, Ops } from '../../ops/ops'
import { positionEmbeddings } from '../positions'
import type { Scope } from '../../ops/scope'
import type { Taps, TowerOutput, VisionInputs, VisionTowerModule } from '../tower'

type ViTLike = typeof VIT_DEFAULTS & { readonly modelType: string }

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

/**
 * The ViT of Dosovitskiy et al. (transformers' `ViTModel`), with one learned token (`cls_token`) or
 * DeiT's two before the patches. `init` draws these tokens and the positions.
 */
export function vitForward<T>(
  ops: Ops<T>,
  w: Scope,
  config: ViTLike,
  { pixelValues, imageSize }: VisionInputs<T>,
  taps: Taps,
  tokens: readonly string[],
  init?: Init,
): TowerOutput<T> {
  const { hiddenSize: D, pooling } = config
  const trainedSize = pairOf(config.imageSize)
  const trained = gridOf(trainedSize, config.patchSize)
  const embeddings = w.at('embeddings')
  const projection = embeddings.at('patch_embeddings.projection')
  const patches = ops.patchEmbed(pixelValues, projection.patches(config.numChannels, D, pairOf(config.patchSize)))
  const learned = tokens.map((name) => ops.expandToBatch(ops.param(embeddings.param(name, [1, 1, D], init)), patches))
  const prefix = tokens.length
  const table = embeddings.param('position_embeddings', [1, prefix + trained[0] * trained[1], D], init)
  const positions = positionEmbeddings(ops, table, {
    trained,
    wanted: gridOf(imageSize, config.patchSize),
    imageSize,
    trainedSize,
    prefix,
    hiddenSize: D,
  })
  const { last, ...collected } = preNormEncoder(
    ops,
    ops.dropout(ops.add(ops.concatTokens([...learned, patches]), positions), config.hiddenDropoutProb),
    (index) => vitLayer(ops, w.at(`encoder.layer.${index}`), config),
    w.at('layernorm').norm(D, config.layerNormEps),
    {
      layers: config.numHiddenLayers,
      heads: config.numAttentionHeads,
      taps,
      firstTokenOnly: onlyPooled(taps) && takesFirst(pooling),
      hiddenDropout: config.hiddenDropoutProb,
      attentionDropout: config.attentionProbsDropoutProb,
    },
  )
  const poolerOutput = pooling
    ? pool(ops, pooling, last, { prefix })
    : ops.linear(
        ops.token(last, 0),
        w.at('pooler.dense').linear(D, config.poolerOutputSize ?? D),
        activationOf(config.poolerAct),
      )
  return { lastHiddenState: last, poolerOutput, ...collected }
}

/** `embeddings.mask_token`: only masked pre-training reads it. */
export const MASK_TOKEN = /^embeddings\.mask_token$/

export const vit: VisionTowerModule<ViTConfig> = {
  kind: 'vision',
  modelType: 'vit',
  staleNames: [MASK_TOKEN],
  forward: (ops, w, config, inputs, taps) => vitForward(ops, w, config, inputs, taps, ['cls_token']),
}
