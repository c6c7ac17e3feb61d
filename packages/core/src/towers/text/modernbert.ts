import type { ModernBertConfig } from './modernbert.config'
import { tensor } from '../../base/tensor'
import { activationOf } from '../../ops/activations'
import type { Ops, Projection } from '../../ops/ops'
import { rotate, type Rotation } from '../../ops/rotary'
import type { Scope } from '../../ops/scope'
import { biasOf, gatedMlp, preNormEncoder, type PreNormLayer, rowsOf, firstSuffices } from '../blocks'
import { ABSOLUTE_INPUTS, type TextInput } from '../inputs'
import { pooledBy } from './bert'
import { rotaryInputs } from './rope'
import type { TextTowerModule } from '../tower'

const FULL = 'full_attention'

/** Whether a layer attends to all tokens: every third, unless the config says otherwise. */
function isFull({ layerTypes, globalAttnEveryNLayers: every = 3 }: ModernBertConfig, index: number): boolean {
  return layerTypes ? layerTypes[index] === FULL : index % every === 0
}

const turnsOf = (kind: typeof FULL | 'sliding_attention') => (config: ModernBertConfig) => ({
  headSize: config.hiddenSize / config.numAttentionHeads,
  rope: {
    rope_theta: kind === FULL ? (config.globalRopeTheta ?? 160_000) : (config.localRopeTheta ?? 10_000),
    ...config.ropeParameters?.[kind],
  },
})

const [GLOBAL, LOCAL] = [rotaryInputs(turnsOf(FULL)), rotaryInputs(turnsOf('sliding_attention'))]

/** 1 where two tokens are no further apart than half of `local_attention`: `[L, L]`. */
const WINDOW: TextInput<ModernBertConfig> = {
  dtype: 'float32',
  dims: () => ['length', 'length'],
  make({ localAttention }, { inputIds: { dims } }) {
    const [, length = 1] = dims
    const reach = Math.floor(localAttention / 2)
    const near = (i: number): boolean => Math.abs(Math.floor(i / length) - (i % length)) <= reach
    return tensor(
      Float32Array.from({ length: length * length }, (_, i) => Number(near(i))),
      [length, length],
    )
  },
}

const INPUTS = {
  inputIds: ABSOLUTE_INPUTS.inputIds,
  attentionMask: ABSOLUTE_INPUTS.attentionMask,
  positionIds: ABSOLUTE_INPUTS.positionIds,
  globalCos: GLOBAL.cos,
  globalSin: GLOBAL.sin,
  localCos: LOCAL.cos,
  localSin: LOCAL.sin,
  window: WINDOW,
}

/** A linear layer, drawn from a truncated normal distribution. */
function drawn(layer: Projection, { initializerCutoffFactor: cutoff }: ModernBertConfig, std: number): Projection {
  return { ...layer, weight: { ...layer.weight, init: { kind: 'truncated', std, cutoff: cutoff ?? 3 } } }
}

function layer<T>(
  ops: Ops<T>,
  w: Scope,
  config: ModernBertConfig,
  index: number,
  { rotation, bias }: { readonly rotation: Rotation<T>; readonly bias?: T },
): PreNormLayer<T> {
  const { hiddenSize: D, intermediateSize: size, numAttentionHeads: heads, initializerRange: std } = config
  const norm = (name: string) => w.at(name).norm(D, config.normEps, { bias: config.normBias })
  const outStd = std / Math.sqrt(2 * config.numHiddenLayers)
  const packed = drawn(w.at('attn.Wqkv').linear(D, 3 * D, { bias: config.attentionBias }), config, std)
  const gated = drawn(w.at('mlp.Wi').linear(D, 2 * size, { bias: config.mlpBias }), config, std)
  const down = drawn(w.at('mlp.Wo').linear(size, D, { bias: config.mlpBias }), config, outStd)
  return {
    // The embeddings are normalised already.
    norm1: index === 0 ? (x) => x : norm('attn_norm'),
    norm2: norm('mlp_norm'),
    attention: {
      query: rowsOf(packed, 0, D),
      key: rowsOf(packed, 1, D),
      value: rowsOf(packed, 2, D),
      output: drawn(w.at('attn.Wo').linear(D, D, { bias: config.attentionBias }), config, outStd),
      rotate: (x, firstOnly) => rotate(ops, x, rotation, { heads, headSize: D / heads, firstOnly }),
    },
    mlp: gatedMlp(
      ops,
      { gate: rowsOf(gated, 0, size), up: rowsOf(gated, 1, size), down },
      activationOf(config.hiddenActivation),
      config.mlpDropout,
    ),
    bias,
    biasMasks: !isFull(config, index),
  }
}

/**
 * Warner et al.'s ModernBERT (transformers' `ModernBertModel`): positions are rotations of queries and keys, two of three
 * layers attend to the tokens near by only.
 */
export const modernbert: TextTowerModule<ModernBertConfig, keyof typeof INPUTS> = {
  kind: 'text',
  modelType: 'modernbert',
  suits: ({ classifierPooling: pooling }) => ({ pooling, because: "its config's classifier_pooling" }),
  inputs: INPUTS,
  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D, pooling, attentionDropout, initializerRange: std } = config
    const norm = (at: Scope) => at.norm(D, config.normEps, { bias: config.normBias })
    const embeddings = w.at('embeddings')
    const table = embeddings.at('tok_embeddings').param('weight', [config.vocabSize, D], {
      kind: 'truncated',
      std,
      cutoff: config.initializerCutoffFactor ?? 3,
    })
    const x = ops.layerNorm(ops.embedding(inputs.inputIds, table), norm(embeddings.at('norm')))
    const counts = ops.reshape(ops.float(inputs.attentionMask), [0, 1, 1, -1])
    const full = { rotation: { cos: inputs.globalCos, sin: inputs.globalSin } }
    const near = ops.mul(counts, inputs.window)
    const sliding = { rotation: { cos: inputs.localCos, sin: inputs.localSin }, bias: biasOf(ops, near) }
    const { last, hiddenStates, ...collected } = preNormEncoder(
      ops,
      ops.dropout(x, config.embeddingDropout),
      (index) => layer(ops, w.at(`layers.${index}`), config, index, isFull(config, index) ? full : sliding),
      norm(w.at('final_norm')),
      {
        layers: config.numHiddenLayers,
        heads: config.numAttentionHeads,
        taps,
        firstTokenOnly: firstSuffices(taps, pooling),
        hiddenDropout: attentionDropout,
        mlpDropout: 0,
        attentionDropout,
        keyMask: inputs.attentionMask,
      },
    )
    return {
      lastHiddenState: last,
      poolerOutput: pooledBy(ops, pooling, last, inputs.attentionMask, (first) => first),
      ...(hiddenStates ? { hiddenStates: [...hiddenStates.slice(0, -1), last] } : {}),
      ...collected,
    }
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
