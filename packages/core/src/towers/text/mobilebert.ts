import type { MobileBertConfig } from './mobilebert.config'
import { ConfigError } from '../../base/errors'
import { activationOf } from '../../ops/activations'
import type { Ops, Param } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { bertPooler, embeddingTable, pooledBy, STALE_POSITIONS } from './bert'
import { inLayer } from '../blocks'
import { BERT_INPUTS } from '../inputs'
import type { TextTowerModule } from '../tower'

/** PyTorch's, where transformers forgets `layer_norm_eps`. */
const TORCH_EPS = 1e-5

type Norm<T> = (x: T, w: Scope, size: number, eps?: number) => T

/** @throws ConfigError for a norm that transformers does not know. */
function normOf<T>(ops: Ops<T>, { normalizationType: type, layerNormEps }: MobileBertConfig): Norm<T> {
  if (type === 'layer_norm') return (x, w, size, eps = layerNormEps) => ops.layerNorm(x, w.norm(size, eps))
  if (type !== 'no_norm')
    throw new ConfigError(
      'bad-config-value',
      `mobilebert: normalization_type is "${type}"; it must be "no_norm" or "layer_norm".`,
    )
  return (x, w, size) => {
    const { weight, bias } = w.norm(size, 0)
    return ops.add(ops.mul(x, ops.param(weight)), ops.param(bias!))
  }
}

/** Each token beside the one behind it and the one before: `[B, L, D]` -> `[B, L, 3 D]`. */
function trigrams<T>(ops: Ops<T>, x: T): T {
  return ops.concat([ops.pad(ops.slice(x, 1, 1), 1, 0, 1), x, ops.pad(ops.slice(x, 1, 0, -1), 1, 1, 0)], -1)
}

function layer<T>(
  ops: Ops<T>,
  w: Scope,
  config: MobileBertConfig,
  x: T,
  options: { readonly keyMask: T; readonly probs?: boolean },
): { hidden: T; probs?: T } {
  const { hiddenSize: D, useBottleneck, intermediateSize, hiddenDropoutProb: rate } = config
  const narrow = useBottleneck ? config.intraBottleneckSize : D
  const norm = normOf(ops, config)
  const bottleneck = (name: string): T => {
    const at = w.at(`bottleneck.${name}`)
    return norm(ops.linear(x, at.at('dense').linear(D, narrow)), at.at('LayerNorm'), narrow)
  }
  const entering = useBottleneck ? bottleneck('input') : x
  const shared = useBottleneck && !config.useBottleneckAttention && config.keyQuerySharedBottleneck
  const asked = config.useBottleneckAttention ? entering : shared ? bottleneck('attention') : x
  const valued = config.useBottleneckAttention ? entering : x
  const self = w.at('attention.self')
  const { context, probs } = ops.attention(
    ops.linear(asked, self.at('query').linear(narrow, narrow)),
    ops.linear(asked, self.at('key').linear(narrow, narrow)),
    ops.linear(valued, self.at('value').linear(config.useBottleneckAttention ? narrow : D, narrow)),
    { heads: config.numAttentionHeads, dropout: config.attentionProbsDropoutProb, ...options },
  )
  /** Dropout where there is no bottleneck. */
  const dropped = (y: T): T => (useBottleneck ? y : ops.dropout(y, rate))
  const attended = dropped(ops.linear(context, w.at('attention.output.dense').linear(narrow, narrow)))
  let y = norm(ops.add(attended, entering), w.at('attention.output.LayerNorm'), narrow)
  const expanded = (at: Scope, from: T): T =>
    ops.linear(from, at.at('intermediate.dense').linear(narrow, intermediateSize), activationOf(config.hiddenAct))
  const contracted = (at: Scope, from: T): T => ops.linear(from, at.at('output.dense').linear(intermediateSize, narrow))
  for (let i = 0; i < config.numFeedforwardNetworks - 1; i++) {
    const ffn = w.at(`ffn.${i}`)
    y = norm(ops.add(contracted(ffn, expanded(ffn, y)), y), ffn.at('output.LayerNorm'), narrow)
  }
  const last = dropped(contracted(w, expanded(w, y)))
  const output = w.at('output')
  const normed = norm(ops.add(last, y), output.at('LayerNorm'), narrow, TORCH_EPS)
  if (!useBottleneck) return { hidden: normed, probs }
  const wide = output.at('bottleneck')
  const widened = ops.dropout(ops.linear(normed, wide.at('dense').linear(narrow, D)), rate)
  return { hidden: norm(ops.add(widened, x), wide.at('LayerNorm'), D), probs }
}

/** Sun et al.'s MobileBERT (transformers' `MobileBertModel`): deep, and narrow within its layers. */
export const mobilebert: TextTowerModule<MobileBertConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'mobilebert',
  staleNames: [STALE_POSITIONS],
  inputs: BERT_INPUTS,
  forward(ops, w, config, { inputIds, attentionMask: keyMask, tokenTypeIds, positionIds }, taps) {
    type T = typeof inputIds
    const { hiddenSize: D, embeddingSize: size, trigramInput, pooling } = config
    const embeddings = w.at('embeddings')
    const table = (name: string, rows: number) => embeddingTable(embeddings, name, [rows, D])
    const words = embeddingTable(embeddings, 'word_embeddings', [config.vocabSize, size], config.padTokenId)
    const embedded = ops.embedding(inputIds, words)
    const wide = trigramInput ? 3 * size : size
    const transformation = embeddings.at('embedding_transformation').linear(wide, D)
    const transformed =
      trigramInput || size !== D
        ? ops.linear(trigramInput ? trigrams(ops, embedded) : embedded, transformation)
        : embedded
    const positions = ops.embedding(positionIds, table('position_embeddings', config.maxPositionEmbeddings))
    const types = ops.embedding(tokenTypeIds, table('token_type_embeddings', config.typeVocabSize))
    const sum = ops.add(ops.add(transformed, positions), types)
    let last = ops.dropout(normOf(ops, config)(sum, embeddings.at('LayerNorm'), D, TORCH_EPS), config.hiddenDropoutProb)
    const [hiddenStates, attentions]: [T[], T[]] = [[last], []]
    for (let index = 0; index < config.numHiddenLayers; index++) {
      const { hidden, probs } = inLayer(
        ops,
        () => layer(ops, w.at(`encoder.layer.${index}`), config, last, { keyMask, probs: taps.attentions }),
        index > 0 && !taps.hiddenStates ? [last] : [],
      )
      hiddenStates.push((last = hidden))
      if (taps.attentions) attentions.push(probs as T)
    }
    const own = config.classifierActivation ? bertPooler(ops, w, config) : (first: T) => first
    return {
      lastHiddenState: last,
      poolerOutput: pooledBy(ops, pooling, last, keyMask, own),
      ...(taps.hiddenStates ? { hiddenStates } : {}),
      ...(taps.attentions ? { attentions } : {}),
    }
  },
  idleParams(w, config) {
    const { embeddingSize: size, hiddenSize: D, intraBottleneckSize: narrow, trigramInput, numHiddenLayers } = config
    const both = ({ weight, bias }: { weight: Param; bias?: Param }) => [weight, bias!]
    const transformation =
      trigramInput || size !== D ? [] : both(w.at('embeddings.embedding_transformation').linear(size, D))
    // The bottleneck that queries and keys share stays where all of attention reads the other.
    const idle = config.useBottleneck && config.useBottleneckAttention && config.keyQuerySharedBottleneck
    const shared = Array.from({ length: idle ? numHiddenLayers : 0 }, (_, index) => {
      const at = w.at(`encoder.layer.${index}.bottleneck.attention`)
      return [...both(at.at('dense').linear(D, narrow)), ...both(at.at('LayerNorm').norm(narrow, config.layerNormEps))]
    })
    return [...transformation, ...shared.flat()]
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
