import type { BeitConfig } from './beit.config'
import { gridOf, pairOf, type Grid } from '../grid'
import { type Tensor, tensor } from '../../base/tensor'
import { activationOf } from '../../ops/activations'
import { mlp, onlyPooled, pool, preNormEncoder, type PreNormLayer, takesFirst } from '../blocks'
import type { Ops } from '../../ops/ops'
import { positionEmbeddings, resized, resizeMatrix } from '../positions'
import type { Scope } from '../../ops/scope'
import type { VisionTowerModule } from '../tower'

/** `[area + 1, area + 1]` rows of the bias table for each pair of tokens; the last three rows belong to the class token. */
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
  return tensor(index, [size, size])
}

/** Bias `[heads, L, L]` from the table at `w`, resized where the image is of another size. */
function relativePositionBias<T>(ops: Ops<T>, w: Scope, heads: number, trained: Grid, wanted: Grid): T {
  const [height, width] = [2 * trained[0] - 1, 2 * trained[1] - 1]
  const param = w.param('relative_position_bias_table', [height * width + 3, heads], { kind: 'zeros' })
  // transformers reads the table as [width, height] here, which matters for windows that are not square.
  const from: Grid = [width, height]
  const to: Grid = [2 * wanted[0] - 1, 2 * wanted[1] - 1]
  return resized(ops, param, wanted, () => {
    let table = ops.param(param)
    if (from[0] !== to[0] || from[1] !== to[1])
      table = ops.matMul(ops.constant(resizeMatrix(from, to, 'bilinear', { after: 3 })), table)
    return ops.transpose(ops.gather(table, ops.constant(relativePositionIndex(wanted))), [2, 0, 1])
  })
}

const TABLE_SCOPE = 'relative_position_bias'

/** Bao et al.'s BEiT (transformers' `BeitModel`). */
export const beit: VisionTowerModule<BeitConfig> = {
  kind: 'vision',
  modelType: 'beit',
  anyImageSize: true,
  staleNames: [/relative_position_index$/],
  idleParams: (w, config) =>
    config.useMaskToken ? [w.at('embeddings').param('mask_token', [1, 1, config.hiddenSize], { kind: 'zeros' })] : [],

  forward(ops, w, config, { pixelValues, imageSize }, taps) {
    type T = typeof pixelValues
    const { hiddenSize: D, numAttentionHeads: heads, layerNormEps: eps, pooling } = config
    const trainedSize = pairOf(config.imageSize)
    const trained = gridOf(trainedSize, config.patchSize)
    const wanted = gridOf(imageSize, config.patchSize)
    const embeddings = w.at('embeddings')
    const patchLayer = embeddings
      .at('patch_embeddings.projection')
      .patches(config.numChannels, D, pairOf(config.patchSize))
    const patches = ops.patchEmbed(pixelValues, patchLayer)
    const cls = ops.param(embeddings.param('cls_token', [1, 1, D], { kind: 'zeros' }))
    let x = ops.concatTokens([ops.expandToBatch(cls, patches), patches])
    if (config.useAbsolutePositionEmbeddings) {
      const rows = 1 + trained[0] * trained[1]
      const table = embeddings.param('position_embeddings', [1, rows, D], { kind: 'zeros' })
      const options = { trained, wanted, imageSize, trainedSize, prefix: 1, hiddenSize: D, always: true }
      x = ops.add(x, positionEmbeddings(ops, table, options))
    }
    const shared = config.useSharedRelativePositionBias
      ? relativePositionBias(ops, w.at(`encoder.${TABLE_SCOPE}`), heads, trained, wanted)
      : undefined

    const layerAt = (index: number): PreNormLayer<T> => {
      const layer = w.at(`encoder.layer.${index}`)
      const self = layer.at('attention.attention')
      const scale = (name: string) =>
        config.layerScaleInitValue > 0
          ? layer.param(name, [D], { kind: 'constant', value: config.layerScaleInitValue })
          : undefined
      const own = config.useRelativePositionBias
        ? relativePositionBias(ops, self.at(TABLE_SCOPE), heads, trained, wanted)
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
        mlp: mlp(
          ops,
          layer.at('intermediate.dense').linear(D, config.intermediateSize),
          activationOf(config.hiddenAct),
          { ...layer.at('output.dense').linear(config.intermediateSize, D), scale: scale('lambda_2') },
        ),
        bias: own !== undefined && shared !== undefined ? ops.add(own, shared) : (own ?? shared),
        dropPath: (config.dropPathRate * index) / Math.max(config.numHiddenLayers - 1, 1),
      }
    }
    const meanOfPatches = pooling ? !takesFirst(pooling) : config.useMeanPooling
    const { last, ...collected } = preNormEncoder(
      ops,
      ops.dropout(x, config.hiddenDropoutProb),
      layerAt,
      config.useMeanPooling ? undefined : w.at('layernorm').norm(D, eps),
      {
        layers: config.numHiddenLayers,
        heads,
        taps,
        firstTokenOnly: onlyPooled(taps) && !meanOfPatches,
        hiddenDropout: config.hiddenDropoutProb,
        attentionDropout: config.attentionProbsDropoutProb,
      },
    )
    const pooled = pool(ops, pooling ?? (config.useMeanPooling ? 'mean' : 'cls'), last, { prefix: 1 })
    const poolerOutput =
      !pooling && config.useMeanPooling ? ops.layerNorm(pooled, w.at('pooler.layernorm').norm(D, eps)) : pooled
    return { lastHiddenState: last, poolerOutput, ...collected }
  },
}
