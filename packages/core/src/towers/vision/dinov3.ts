import type { DINOv3ViTConfig } from './dinov3.config'
import { type Grid, gridOf, pairOf } from '../grid'
import { activationOf } from '../../ops/activations'
import { gatedMlp, mlp, pool, preNormEncoder, type PreNormLayer, firstSuffices } from '../blocks'
import type { Ops, Param } from '../../ops/ops'
import { patchTokens } from '../patches'
import { DINOV3_STATE_DICT } from './state-dict-names'
import { rotate, type Rotation, rotationOf } from '../../ops/rotary'
import type { Scope } from '../../ops/scope'
import type { VisionTowerModule } from '../tower'

/** Angles of each patch's centre, by its place between -1 and 1, in float32 as PyTorch computes them. */
function patchAngles([height, width]: Grid, headSize: number, theta: number): number[][] {
  const { fround } = Math
  const quarter = headSize / 4
  const frequencies = Array.from({ length: quarter }, (_, i) => fround(1 / fround(theta ** fround(i / quarter))))
  const centres = (count: number) =>
    Array.from({ length: count }, (_, i) => fround(fround(2 * fround((i + 0.5) / count)) - 1))
  const angles = (centre: number) =>
    frequencies.map((frequency) => fround(fround(fround(2 * Math.PI) * centre) * frequency))
  const across = centres(width).map(angles)
  return centres(height).flatMap((y) => across.map((x) => [...angles(y), ...x]))
}

function dinov3Layer<T>(ops: Ops<T>, w: Scope, config: DINOv3ViTConfig, rotation: Rotation<T>): PreNormLayer<T> {
  const { hiddenSize: D, intermediateSize, numAttentionHeads: heads, layerNormEps: eps, mlpBias: bias } = config
  const attention = w.at('attention')
  const scale = (name: string) => w.at(name).param('lambda1', [D], { kind: 'constant', value: config.layerscaleValue })
  const up = w.at('mlp.up_proj').linear(D, intermediateSize, { bias })
  const down = { ...w.at('mlp.down_proj').linear(intermediateSize, D, { bias }), scale: scale('layer_scale2') }
  const activation = activationOf(config.hiddenAct)
  return {
    norm1: w.at('norm1').norm(D, eps),
    norm2: w.at('norm2').norm(D, eps),
    attention: {
      query: attention.at('q_proj').linear(D, D, { bias: config.queryBias }),
      key: attention.at('k_proj').linear(D, D, { bias: config.keyBias }),
      value: attention.at('v_proj').linear(D, D, { bias: config.valueBias }),
      output: { ...attention.at('o_proj').linear(D, D, { bias: config.projBias }), scale: scale('layer_scale1') },
      rotate: (x, firstOnly) => rotate(ops, x, rotation, { heads, headSize: D / heads, firstOnly }),
    },
    mlp: config.useGatedMlp
      ? gatedMlp(ops, { gate: w.at('mlp.gate_proj').linear(D, intermediateSize, { bias }), up, down }, activation)
      : mlp(ops, up, activation, down),
    dropPath: config.dropPathRate,
  }
}

const embedded = (w: Scope, { hiddenSize: D }: DINOv3ViTConfig, name: string, count: number, drawn: boolean): Param =>
  w.at('embeddings').param(name, [1, count, D], drawn ? undefined : { kind: 'zeros' })

/** Siméoni et al.'s DINOv3 (transformers' `DINOv3ViTModel`): positions are rotations of the patches' queries and keys. */
export const dinov3: VisionTowerModule<DINOv3ViTConfig> = {
  kind: 'vision',
  modelType: 'dinov3_vit',
  imageSizes: () => 'any',
  otherNames: DINOV3_STATE_DICT,
  idleParams: (w, config) => [
    embedded(w, config, 'mask_token', 1, false),
    ...(config.numRegisterTokens === 0 ? [embedded(w, config, 'register_tokens', 0, true)] : []),
  ],

  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D, numAttentionHeads: heads, numRegisterTokens: registers, pooling } = config
    const x = patchTokens(ops, inputs, config, {
      layer: w.at('embeddings.patch_embeddings').patches(config.numChannels, D, pairOf(config.patchSize)),
      tokens: [
        embedded(w, config, 'cls_token', 1, true),
        ...(registers > 0 ? [embedded(w, config, 'register_tokens', registers, true)] : []),
      ],
    })
    const grid = gridOf(inputs.imageSize, config.patchSize)
    const tables = rotationOf(patchAngles(grid, D / heads, config.ropeTheta), 1 + registers)
    const rotation = { cos: ops.constant(tables.cos), sin: ops.constant(tables.sin) }
    const { last, ...collected } = preNormEncoder(
      ops,
      x,
      (index) => dinov3Layer(ops, w.at(`layer.${index}`), config, rotation),
      w.at('norm').norm(D, config.layerNormEps),
      {
        layers: config.numHiddenLayers,
        heads,
        taps,
        firstTokenOnly: firstSuffices(taps, pooling),
        attentionDropout: config.attentionDropout,
      },
    )
    const poolerOutput = pool(ops, pooling ?? 'cls', last, { prefix: 1 + registers })
    return { lastHiddenState: last, poolerOutput, ...collected }
  },
}
