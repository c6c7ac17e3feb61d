import type { Dinov2Config } from './dinov2.config'
import { gridOf, pairOf } from '../grid'
import { activationOf } from '../../ops/activations'
import { mlp, onlyPooled, pool, preNormEncoder, type PreNormLayer, takesFirst } from '../blocks'
import type { Ops, Param, Projection } from '../../ops/ops'
import { positionEmbeddings } from '../positions'
import type { Scope } from '../../ops/scope'
import type { VisionTowerModule } from '../tower'

/** SiLU(x W1) * (x W2), then back: `weights_in` holds W1 and W2 in one (`Dinov2SwiGLUFFN`). */
function swiglu<T>(ops: Ops<T>, w: Scope, hiddenSize: number, expanded: number, scale: Param): (x: T) => T {
  const size = Math.floor((Math.floor((expanded * 2) / 3) + 7) / 8) * 8
  const { weight, bias } = w.at('weights_in').linear(hiddenSize, 2 * size)
  const half = (index: number): Projection => {
    const rows = [index * size, (index + 1) * size] as const
    return { weight: { ...weight, rows }, bias: bias && { ...bias, rows } }
  }
  return (x) => {
    const gate = ops.linear(x, half(0), 'silu')
    const out = { ...w.at('weights_out').linear(size, hiddenSize), scale }
    return ops.linear(ops.mul(gate, ops.linear(x, half(1))), out)
  }
}

/** Oquab et al.'s DINOv2 (transformers' `Dinov2Model`). */
export const dinov2: VisionTowerModule<Dinov2Config> = {
  kind: 'vision',
  modelType: 'dinov2',
  anyImageSize: true,
  staleNames: [/^embeddings\.mask_token$/],
  idleParams: (w, config) =>
    config.useMaskToken ? [w.at('embeddings').param('mask_token', [1, config.hiddenSize], { kind: 'zeros' })] : [],

  forward(ops, w, config, { pixelValues, imageSize }, taps) {
    type T = typeof pixelValues
    const { hiddenSize: D, layerNormEps: eps, qkvBias: bias, pooling } = config
    const expanded = Math.trunc(D * config.mlpRatio)
    const trainedSize = pairOf(config.imageSize)
    const trained = gridOf(trainedSize, config.patchSize)
    const embeddings = w.at('embeddings')
    const patchLayer = embeddings
      .at('patch_embeddings.projection')
      .patches(config.numChannels, D, pairOf(config.patchSize))
    const patches = ops.patchEmbed(pixelValues, patchLayer)
    const cls = ops.expandToBatch(ops.param(embeddings.param('cls_token', [1, 1, D])), patches)
    const table = embeddings.param('position_embeddings', [1, 1 + trained[0] * trained[1], D])
    const positions = positionEmbeddings(ops, table, {
      trained,
      wanted: gridOf(imageSize, config.patchSize),
      imageSize,
      trainedSize,
      prefix: 1,
      hiddenSize: D,
      always: true,
    })

    const layerAt = (index: number): PreNormLayer<T> => {
      const layer = w.at(`encoder.layer.${index}`)
      const self = layer.at('attention.attention')
      const scale = (name: string) =>
        layer.at(name).param('lambda1', [D], { kind: 'constant', value: config.layerscaleValue })
      return {
        norm1: layer.at('norm1').norm(D, eps),
        norm2: layer.at('norm2').norm(D, eps),
        attention: {
          query: self.at('query').linear(D, D, { bias }),
          key: self.at('key').linear(D, D, { bias }),
          value: self.at('value').linear(D, D, { bias }),
          output: { ...layer.at('attention.output.dense').linear(D, D), scale: scale('layer_scale1') },
        },
        mlp: config.useSwigluFfn
          ? swiglu(ops, layer.at('mlp'), D, expanded, scale('layer_scale2'))
          : mlp(ops, layer.at('mlp.fc1').linear(D, expanded), activationOf(config.hiddenAct), {
              ...layer.at('mlp.fc2').linear(expanded, D),
              scale: scale('layer_scale2'),
            }),
        dropPath: config.dropPathRate,
      }
    }
    const { last, ...collected } = preNormEncoder(
      ops,
      ops.dropout(ops.add(ops.concatTokens([cls, patches]), positions), config.hiddenDropoutProb),
      layerAt,
      w.at('layernorm').norm(D, eps),
      {
        layers: config.numHiddenLayers,
        heads: config.numAttentionHeads,
        taps,
        firstTokenOnly: onlyPooled(taps) && takesFirst(pooling),
        attentionDropout: config.attentionProbsDropoutProb,
      },
    )
    return { lastHiddenState: last, poolerOutput: pool(ops, pooling ?? 'cls', last, { prefix: 1 }), ...collected }
  },
}
