import type { DINOV2_DEFAULTS, Dinov2Config, Dinov2WithRegistersConfig } from './dinov2.config'
import { pairOf } from '../grid'
import { activationOf } from '../../ops/activations'
import { gatedMlp, mlp, pool, preNormEncoder, type PreNormLayer, firstSuffices } from '../blocks'
import type { Ops, Param, Projection } from '../../ops/ops'
import { patchTokens, trainedPatches } from '../patches'
import type { Scope } from '../../ops/scope'
import type { Taps, TowerOutput, VisionConfig, VisionInputs, VisionTowerModule } from '../tower'
import { DINOV2_JOINED, DINOV2_STATE_DICT } from './state-dict-names'
import { MASK_TOKEN } from './vit'

/** SiLU(x W1) * (x W2), then back: `weights_in` holds W1 and W2 in one (`Dinov2SwiGLUFFN`). */
function swiglu<T>(ops: Ops<T>, w: Scope, hiddenSize: number, expanded: number, scale: Param): (x: T) => T {
  const size = Math.floor((Math.floor((expanded * 2) / 3) + 7) / 8) * 8
  const { weight, bias } = w.at('weights_in').linear(hiddenSize, 2 * size)
  const half = (index: number): Projection => {
    const rows = [index * size, (index + 1) * size] as const
    return { weight: { ...weight, rows }, bias: bias && { ...bias, rows } }
  }
  const down = { ...w.at('weights_out').linear(size, hiddenSize), scale }
  return gatedMlp(ops, { gate: half(0), up: half(1), down }, 'silu')
}

type Dinov2Like = typeof DINOV2_DEFAULTS & VisionConfig

function dinov2Layer<T>(ops: Ops<T>, layer: Scope, config: Dinov2Like): PreNormLayer<T> {
  const { hiddenSize: D, layerNormEps: eps, qkvBias: bias } = config
  const expanded = Math.trunc(D * config.mlpRatio)
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

/** DINOv2, with `registers` learned tokens behind the class token, which have no position. */
function dinov2Forward<T>(
  ops: Ops<T>,
  w: Scope,
  config: Dinov2Like,
  inputs: VisionInputs<T>,
  taps: Taps,
  registers = 0,
): TowerOutput<T> {
  const { hiddenSize: D, pooling } = config
  const embeddings = w.at('embeddings')
  let x = patchTokens(ops, inputs, config, {
    layer: embeddings.at('patch_embeddings.projection').patches(config.numChannels, D, pairOf(config.patchSize)),
    tokens: [embeddings.param('cls_token', [1, 1, D])],
    positions: embeddings.param('position_embeddings', [1, 1 + trainedPatches(config), D]),
    always: true,
    antialiased: registers > 0,
  })
  if (registers > 0) {
    const learned = ops.param(embeddings.param('register_tokens', [1, registers, D], { kind: 'zeros' }))
    x = ops.concatTokens([ops.sliceTokens(x, 0, 1), ops.expandToBatch(learned, x), ops.sliceTokens(x, 1)])
  }
  const { last, ...collected } = preNormEncoder(
    ops,
    ops.dropout(x, config.hiddenDropoutProb),
    (index) => dinov2Layer(ops, w.at(`encoder.layer.${index}`), config),
    w.at('layernorm').norm(D, config.layerNormEps),
    {
      layers: config.numHiddenLayers,
      heads: config.numAttentionHeads,
      taps,
      firstTokenOnly: firstSuffices(taps, pooling),
      attentionDropout: config.attentionProbsDropoutProb,
    },
  )
  const poolerOutput = pool(ops, pooling ?? 'cls', last, { prefix: 1 + registers })
  return { lastHiddenState: last, poolerOutput, ...collected }
}

const maskToken = (w: Scope, { hiddenSize }: Dinov2Like): Param =>
  w.at('embeddings').param('mask_token', [1, hiddenSize], { kind: 'zeros' })

/** Oquab et al.'s DINOv2 (transformers' `Dinov2Model`). */
export const dinov2: VisionTowerModule<Dinov2Config> = {
  kind: 'vision',
  modelType: 'dinov2',
  otherNames: DINOV2_STATE_DICT,
  joinedNames: DINOV2_JOINED,
  imageSizes: () => 'any',
  staleNames: [MASK_TOKEN],
  idleParams: (w, config) => (config.useMaskToken ? [maskToken(w, config)] : []),
  forward: (ops, w, config, inputs, taps) => dinov2Forward(ops, w, config, inputs, taps),
}

/** Darcet et al.'s DINOv2 with registers (transformers' `Dinov2WithRegistersModel`). */
export const dinov2WithRegisters: VisionTowerModule<Dinov2WithRegistersConfig> = {
  kind: 'vision',
  modelType: 'dinov2_with_registers',
  otherNames: DINOV2_STATE_DICT,
  joinedNames: DINOV2_JOINED,
  imageSizes: () => 'any',
  idleParams: (w, config) => [maskToken(w, config)],
  forward: (ops, w, config, inputs, taps) => dinov2Forward(ops, w, config, inputs, taps, config.numRegisterTokens),
}
