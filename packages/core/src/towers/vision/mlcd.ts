import { ConfigError } from '../../base/errors'
import type { Ops } from '../../ops/ops'
import { rotate, type Rotation, rotationOf } from '../../ops/rotary'
import type { Scope } from '../../ops/scope'
import { pool, preNormEncoder, firstSuffices } from '../blocks'
import { type Grid, gridOf, pairOf } from '../grid'
import { patchTokens } from '../patches'
import type { VisionTowerModule } from '../tower'
import { clipLayer, clipStd } from './clip'
import type { MLCDVisionConfig } from './mlcd.config'

/** @throws ConfigError for what no checkpoint has and transformers does not compute either. */
function thetaOf({ modelType, ropeParameters, numKeyValueGroups }: MLCDVisionConfig): number {
  const { rope_type: type = 'axial', rope_theta: theta = 10000 } = ropeParameters ?? {}
  if (type !== 'axial' || typeof theta !== 'number')
    throw new ConfigError(
      'unsupported-config',
      `${modelType}: rope_parameters has rope_type ${JSON.stringify(type)} and rope_theta ${JSON.stringify(theta)}; "axial" and a number are needed.`,
    )
  if (numKeyValueGroups !== 1)
    throw new ConfigError(
      'unsupported-config',
      `${modelType}: num_key_value_groups is ${numKeyValueGroups}; only 1 is supported.`,
    )
  return theta
}

/** Each patch's row turns the first half of the angles, its column the second. */
function patchAngles([height, width]: Grid, headSize: number, theta: number): number[][] {
  const { fround } = Math
  const frequencies = Array.from({ length: headSize / 4 }, (_, i) =>
    fround(1 / fround(theta ** fround((4 * i) / headSize))),
  )
  const angles = (position: number) => frequencies.map((frequency) => fround(position * frequency))
  return Array.from({ length: height * width }, (_, i) => [...angles(Math.floor(i / width)), ...angles(i % width)])
}

/** The patches' rotation behind that of the class token, whose angles are learned. */
function rotationWithClass<T>(ops: Ops<T>, w: Scope, config: MLCDVisionConfig, grid: Grid): Rotation<T> {
  const half = config.hiddenSize / config.numAttentionHeads / 2
  const std = half ** -0.5 * config.initializerFactor
  const patches = rotationOf(patchAngles(grid, 2 * half, thetaOf(config)))
  const learned = ops.reshape(ops.param(w.param('class_pos_emb', [1, half], { kind: 'normal', std })), [1, 1, half])
  const negated = ops.sub(ops.scalar(0), learned)
  return {
    cos: ops.concat([ops.cos(ops.concat([learned, learned], -1)), ops.constant(patches.cos)], 0),
    sin: ops.concat([ops.sin(ops.concat([negated, learned], -1)), ops.constant(patches.sin)], 0),
  }
}

/** An et al.'s MLCD (transformers' `MLCDVisionModel`): CLIP's tower with positions as rotations. */
export const mlcdVision: VisionTowerModule<MLCDVisionConfig> = {
  kind: 'vision',
  modelType: 'mlcd_vision_model',
  imageSizes: () => 'any',
  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D, numAttentionHeads: heads, layerNormEps: eps, initializerFactor: factor, pooling } = config
    const embeddings = w.at('embeddings')
    const x = patchTokens(ops, inputs, config, {
      layer: embeddings.at('patch_embedding').patches(config.numChannels, D, pairOf(config.patchSize), {
        bias: false,
        std: config.initializerRange * factor,
      }),
      tokens: [embeddings.param('class_embedding', [D], { kind: 'normal', std: D ** -0.5 * factor })],
    })
    const rotation = rotationWithClass(ops, w, config, gridOf(inputs.imageSize, config.patchSize))
    const { last, ...collected } = preNormEncoder(
      ops,
      ops.layerNorm(x, w.at('pre_layrnorm').norm(D, eps)),
      (index) => {
        const layer = clipLayer(ops, w.at(`encoder.layers.${index}`), config, clipStd(config))
        const turn = (q: typeof x, firstOnly: boolean) =>
          rotate(ops, q, rotation, { heads, headSize: D / heads, firstOnly })
        return { ...layer, attention: { ...layer.attention, rotate: turn } }
      },
      undefined,
      {
        layers: config.numHiddenLayers,
        heads,
        taps,
        firstTokenOnly: firstSuffices(taps, pooling),
        attentionDropout: config.attentionDropout,
      },
    )
    // As in CLIP, the norm belongs to the pooler.
    const pooled = pool(ops, pooling ?? 'cls', last, { prefix: 1 })
    return {
      lastHiddenState: last,
      poolerOutput: ops.layerNorm(pooled, w.at('post_layernorm').norm(D, eps)),
      ...collected,
    }
  },
}
