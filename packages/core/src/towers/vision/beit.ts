import type { BEIT_DEFAULTS, BeitConfig, Data2VecVisionConfig } from './beit.config'
import { gridOf, pairOf, type Grid } from '../grid'
import { type Tensor, tensor } from '../../base/tensor'
import { activationOf } from '../../ops/activations'
import { mlp, pool, preNormEncoder, type PreNormLayer, firstSuffices } from '../blocks'
import type { Ops } from '../../ops/ops'
import { patchTokens, trainedPatches } from '../patches'
import { resized, resizeMatrix } from '../positions'
import type { Scope } from '../../ops/scope'
import type { Pooling, Taps, TowerOutput, VisionConfig, VisionInputs, VisionTowerModule } from '../tower'
import { BEIT_STATE_DICT } from './state-dict-names'

type BeitLike = typeof BEIT_DEFAULTS & VisionConfig

/** `[(area + 1) ** 2]` rows of the bias table for each pair of tokens; the last three rows belong to the class token. */
function relativePositionIndex([height, width]: Grid): Tensor<'int32'> {
  const area = height * width
  const distances = (2 * height - 1) * (2 * width - 1)
  const size = area + 1
  const index = new Int32Array(size * size)
  for (let a = 0; a < area; a++) {
    for (let b = 0; b < area; b++) {
      const dy = Math.floor(a / width) - Math.floor(b / width) + height - 1
      const dx = (a % width) - (b % width) + width - 1
      index[(a + 1) * size + b + 1] = dy * (2 * width - 1) + dx
    }
  }
  for (let i = 0; i < size; i++) {
    index[i] = distances
    index[i * size] = distances + 1
  }
  index[0] = distances + 2
  return tensor(index, [size * size])
}

/** What the biases of all layers have in common: made once, when the first asks. */
class Geometry {
  readonly rows: number
  #index?: Tensor
  #matrix?: Tensor

  constructor(
    readonly trained: Grid,
    readonly wanted: Grid,
  ) {
    this.rows = (2 * trained[0] - 1) * (2 * trained[1] - 1) + 3
  }

  /** Resizes a table; undefined where the image is of the trained size. */
  get matrix(): Tensor | undefined {
    const { trained, wanted } = this
    // transformers reads the table as [width, height] here, which matters for windows that are not square.
    const from: Grid = [2 * trained[1] - 1, 2 * trained[0] - 1]
    const to: Grid = [2 * wanted[0] - 1, 2 * wanted[1] - 1]
    if (from[0] === to[0] && from[1] === to[1]) return undefined
    return (this.#matrix ??= resizeMatrix(from, to, 'bilinear', { after: 3 }))
  }

  /** Patches and the class token. */
  get length(): number {
    return this.wanted[0] * this.wanted[1] + 1
  }

  get index(): Tensor {
    return (this.#index ??= relativePositionIndex(this.wanted))
  }
}

/**
 * Bias `[heads, L, L]` from the table at `w`, resized where the image is of another size. For all layers together it is
 * tens of megabytes: what is computed ahead is `[rows, heads]`. Rows of all heads are gathered and then turned: one by one they took 45 ms a picture in BEiT-base, and not 6.
 */
function relativePositionBias<T>(ops: Ops<T>, w: Scope, heads: number, geometry: Geometry): T {
  const param = w.param('relative_position_bias_table', [geometry.rows, heads], { kind: 'zeros' })
  const compute = () => {
    const { matrix } = geometry
    const trained = ops.param(param)
    return matrix ? ops.matMul(ops.constant(matrix), trained) : trained
  }
  const unfold = (table: T) => {
    const { index, length } = geometry
    return ops.reshape(ops.transpose(ops.gather(table, ops.constant(index), 0), [1, 0]), [heads, length, length])
  }
  return resized(ops, param, geometry.wanted, compute, unfold)
}

const TABLE_SCOPE = 'relative_position_bias'

/** A BEiT's patches and class token, with absolute positions where it has them. */
function embed<T>(ops: Ops<T>, w: Scope, config: BeitLike, inputs: VisionInputs<T>): T {
  const D = config.hiddenSize
  const zeros = { kind: 'zeros' } as const
  return patchTokens(ops, inputs, config, {
    layer: w.at('patch_embeddings.projection').patches(config.numChannels, D, pairOf(config.patchSize)),
    tokens: [w.param('cls_token', [1, 1, D], zeros)],
    positions: config.useAbsolutePositionEmbeddings
      ? w.param('position_embeddings', [1, 1 + trainedPatches(config), D], zeros)
      : undefined,
    always: true,
  })
}

/** @param shared the bias that all layers have, beside their own */
function beitLayer<T>(
  ops: Ops<T>,
  layer: Scope,
  config: BeitLike,
  { geometry, shared, dropPath }: { geometry: Geometry; shared?: T; dropPath: number },
): PreNormLayer<T> {
  const { hiddenSize: D, numAttentionHeads: heads, layerNormEps: eps } = config
  const self = layer.at('attention.attention')
  const scale = (name: string) =>
    config.layerScaleInitValue > 0
      ? layer.param(name, [D], { kind: 'constant', value: config.layerScaleInitValue })
      : undefined
  const own = config.useRelativePositionBias
    ? relativePositionBias(ops, self.at(TABLE_SCOPE), heads, geometry)
    : undefined
  return {
    norm1: layer.at('layernorm_before').norm(D, eps),
    norm2: layer.at('layernorm_after').norm(D, eps),
    attention: {
      query: self.at('query').linear(D, D),
      key: self.at('key').linear(D, D, { bias: false }),
      value: self.at('value').linear(D, D),
      output: { ...layer.at('attention.output.dense').linear(D, D), scale: scale('lambda_1') },
    },
    mlp: mlp(ops, layer.at('intermediate.dense').linear(D, config.intermediateSize), activationOf(config.hiddenAct), {
      ...layer.at('output.dense').linear(config.intermediateSize, D),
      scale: scale('lambda_2'),
    }),
    bias: own !== undefined && shared !== undefined ? ops.add(own, shared) : (own ?? shared),
    dropPath,
  }
}

/** @param pooling what is pooled; unset where BEiT's own pooler does */
function beitForward<T>(
  ops: Ops<T>,
  w: Scope,
  config: BeitLike,
  inputs: VisionInputs<T>,
  taps: Taps,
  pooling: Pooling | undefined,
): TowerOutput<T> {
  const { hiddenSize: D, numHiddenLayers: layers, numAttentionHeads: heads, layerNormEps: eps, useMeanPooling } = config
  const grid = (size: Grid) => gridOf(size, config.patchSize)
  const geometry = new Geometry(grid(pairOf(config.imageSize)), grid(inputs.imageSize))
  const shared = config.useSharedRelativePositionBias
    ? relativePositionBias(ops, w.at(`encoder.${TABLE_SCOPE}`), heads, geometry)
    : undefined
  const kind = pooling ?? (useMeanPooling ? 'mean' : 'cls')
  const { last, ...collected } = preNormEncoder(
    ops,
    ops.dropout(embed(ops, w.at('embeddings'), config, inputs), config.hiddenDropoutProb),
    (index) => {
      const dropPath = (config.dropPathRate * index) / Math.max(layers - 1, 1)
      return beitLayer(ops, w.at(`encoder.layer.${index}`), config, { geometry, shared, dropPath })
    },
    useMeanPooling ? undefined : w.at('layernorm').norm(D, eps),
    {
      layers,
      heads,
      taps,
      firstTokenOnly: firstSuffices(taps, kind),
      hiddenDropout: config.hiddenDropoutProb,
      attentionDropout: config.attentionProbsDropoutProb,
    },
  )
  const pooled = pool(ops, kind, last, { prefix: 1 })
  const poolerOutput =
    !pooling && useMeanPooling ? ops.layerNorm(pooled, w.at('pooler.layernorm').norm(D, eps)) : pooled
  return { lastHiddenState: last, poolerOutput, ...collected }
}

const SHARED = {
  kind: 'vision',
  imageSizes: () => 'any' as const,
  staleNames: [/relative_position_index$/],
  idleParams: (w: Scope, config: BeitLike) =>
    config.useMaskToken ? [w.at('embeddings').param('mask_token', [1, 1, config.hiddenSize], { kind: 'zeros' })] : [],
} as const

/** Bao et al.'s BEiT (transformers' `BeitModel`). */
export const beit: VisionTowerModule<BeitConfig> = {
  ...SHARED,
  modelType: 'beit',
  otherNames: BEIT_STATE_DICT,
  forward: (ops, w, config, inputs, taps) => beitForward(ops, w, config, inputs, taps, config.pooling),
}

/** Baevski et al.'s data2vec (transformers' `Data2VecVisionModel`): BEiT without its pooler. */
export const data2vecVision: VisionTowerModule<Data2VecVisionConfig> = {
  ...SHARED,
  modelType: 'data2vec-vision',
  suits: ({ useMeanPooling }) => ({
    pooling: useMeanPooling ? 'mean' : 'cls',
    because: `use_mean_pooling is ${useMeanPooling} in its config`,
  }),
  forward: (ops, w, config, inputs, taps) => beitForward(ops, w, config, inputs, taps, config.pooling ?? 'cls'),
}
