import type { MPNetConfig } from './mpnet.config'
import type { Tensor } from '../../base/tensor'
import { bertPooler, embeddingTable, encoderOptions, pooledBy, STALE_POSITIONS } from './bert'
import { postNormEncoder } from '../blocks'
import { ABSOLUTE_INPUTS, positionIds, relative, type TextInput } from '../inputs'
import { countedPositions } from './roberta'
import { type LayerNames, postNormLayer } from './post-norm-layer'
import type { TextTowerModule } from '../tower'

/** In embeddings and positions, whatever `pad_token_id` says. */
const PADDING = 1
const [BUCKETS, MAX_DISTANCE] = [32, 128]

/**
 * T5's buckets of the distance from a token to another, half of them for those ahead: exact up to 7, then wider with the
 * logarithm. Of `relative_attention_num_buckets` only the table of the biases knows.
 */
export function bucketOf(distance: number): number {
  const half = BUCKETS / 2
  const exact = half / 2
  const ahead = distance > 0 ? half : 0
  const far = Math.abs(distance)
  if (far < exact) return ahead + far
  const { fround, log } = Math
  const share = fround(fround(log(fround(far / exact))) / fround(log(MAX_DISTANCE / exact)))
  return ahead + Math.min(exact + Math.trunc(fround(share * (half - exact))), half - 1)
}

const RELATIVE_POSITIONS: TextInput<MPNetConfig> = relative(
  (_config, query, key) => bucketOf(key - query),
  ({ relativeAttentionNumBuckets: size }) => ({ size, what: `relative_attention_num_buckets ${size}` }),
)

const INPUTS = {
  ...ABSOLUTE_INPUTS,
  positionIds: positionIds<MPNetConfig>((_config, ids: Tensor<'int64'>) => countedPositions(ids, PADDING)),
  relativePositions: RELATIVE_POSITIONS,
}

const LAYER: LayerNames = {
  query: 'attention.attn.q',
  key: 'attention.attn.k',
  value: 'attention.attn.v',
  output: 'attention.attn.o',
  attentionNorm: 'attention.LayerNorm',
  fc1: 'intermediate.dense',
  fc2: 'output.dense',
  outputNorm: 'output.LayerNorm',
}

/**
 * Song et al.'s MPNet (transformers' `MPNetModel`): a RoBERTa without token types, with a bias on the distance of two
 * tokens that all layers share.
 */
export const mpnet: TextTowerModule<MPNetConfig, keyof typeof INPUTS> = {
  kind: 'text',
  modelType: 'mpnet',
  staleNames: [STALE_POSITIONS],
  inputs: INPUTS,
  forward(ops, w, config, { inputIds, attentionMask, positionIds, relativePositions }, taps) {
    const { hiddenSize: D, numAttentionHeads: heads } = config
    const embeddings = w.at('embeddings')
    const words = embeddingTable(embeddings, 'word_embeddings', [config.vocabSize, D], PADDING)
    const positions = embeddingTable(embeddings, 'position_embeddings', [config.maxPositionEmbeddings, D], PADDING)
    const { normed } = ops.addLayerNorm(
      ops.embedding(inputIds, words),
      ops.embedding(positionIds, positions),
      embeddings.at('LayerNorm').norm(D, config.layerNormEps),
    )
    const biases = embeddingTable(w, 'encoder.relative_attention_bias', [config.relativeAttentionNumBuckets, heads])
    const bias = ops.transpose(ops.embedding(relativePositions, biases), [2, 0, 1])
    const { last, ...collected } = postNormEncoder(
      ops,
      ops.dropout(normed, config.hiddenDropoutProb),
      (index) => ({ ...postNormLayer(ops, w.at(`encoder.layer.${index}`), LAYER, config), bias }),
      encoderOptions(config, attentionMask, taps),
    )
    const poolerOutput = pooledBy(ops, config.pooling, last, attentionMask, bertPooler(ops, w, config))
    return { lastHiddenState: last, poolerOutput, ...collected }
  },
  maxLength: (config) => config.maxPositionEmbeddings - PADDING - 1,
}
