import type { DistilBertConfig } from './distilbert.config'
import type { Init } from '../../ops/ops'
import { embeddingTable, encoderOptions, pooledBy, STALE_POSITIONS } from './bert'
import { postNormEncoder } from '../blocks'
import { ABSOLUTE_INPUTS } from '../inputs'
import { type LayerNames, postNormLayer } from './post-norm-layer'
import type { TextTowerModule } from '../tower'

/** Of every layer norm, whatever the config says. */
const EPS = 1e-12

const LAYER: LayerNames = {
  query: 'attention.q_lin',
  key: 'attention.k_lin',
  value: 'attention.v_lin',
  output: 'attention.out_lin',
  attentionNorm: 'sa_layer_norm',
  fc1: 'ffn.lin1',
  fc2: 'ffn.lin2',
  outputNorm: 'output_layer_norm',
}

/** Sines in the even columns, cosines in the odd ones, as Vaswani et al.'s. */
function sinusoids(rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const column = i % columns
    const angle = Math.floor(i / columns) / 10000 ** ((2 * Math.floor(column / 2)) / columns)
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
  })
}

/** Sanh et al.'s DistilBERT (transformers' `DistilBertModel`): half of a BERT, without token types and a pooler. */
export const distilbert: TextTowerModule<DistilBertConfig, keyof typeof ABSOLUTE_INPUTS> = {
  kind: 'text',
  modelType: 'distilbert',
  staleNames: [STALE_POSITIONS],
  suits: () => ({ pooling: 'cls', because: 'its own classifier takes the first token' }),
  inputs: ABSOLUTE_INPUTS,
  forward(ops, w, config, { inputIds, attentionMask, positionIds }, taps) {
    const { hiddenSize: D, maxPositionEmbeddings: count, dropout, pooling } = config
    const embeddings = w.at('embeddings')
    const drawn: Init = config.sinusoidalPosEmbds
      ? { kind: 'values', values: () => sinusoids(count, D) }
      : { kind: 'normal', std: w.std }
    const words = embeddingTable(embeddings, 'word_embeddings', [config.vocabSize, D], config.padTokenId)
    const positions = embeddings.at('position_embeddings').param('weight', [count, D], drawn)
    const { normed } = ops.addLayerNorm(
      ops.embedding(inputIds, words),
      ops.embedding(positionIds, positions),
      embeddings.at('LayerNorm').norm(D, EPS),
    )
    const shape = { ...config, intermediateSize: config.hiddenDim, hiddenAct: config.activation, layerNormEps: EPS }
    const options = { ...config, hiddenDropoutProb: 0, attentionProbsDropoutProb: config.attentionDropout }
    const { last, ...collected } = postNormEncoder(
      ops,
      ops.dropout(normed, dropout),
      (index) => postNormLayer(ops, w.at(`transformer.layer.${index}`), LAYER, shape),
      { ...encoderOptions(options, attentionMask, taps), mlpDropout: dropout },
    )
    return {
      lastHiddenState: last,
      poolerOutput: pooledBy(ops, pooling, last, attentionMask, (first) => first),
      ...collected,
    }
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
