import type { DebertaConfig, DebertaV2Config } from './deberta.config'
import { activationOf } from '../../ops/activations'
import type { Norm, Ops, Param, Projection } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { embeddingTable, pooledBy } from './bert'
import { biasOf, inLayer, mlp } from '../blocks'
import { ABSOLUTE_INPUTS, BERT_INPUTS, relative, type TextInput } from '../inputs'
import type { Taps, TextTowerModule, TowerOutput } from '../tower'

export type AnyDeberta = DebertaConfig | DebertaV2Config

/** Which of the two relative terms a config asks for, and by how many terms the scores are scaled. */
export function termsOf({ posAttType, relativeAttention }: AnyDeberta): {
  readonly names: readonly string[]
  readonly has: (name: 'c2p' | 'p2c') => boolean
} {
  const names =
    typeof posAttType === 'string'
      ? posAttType
          .toLowerCase()
          .split('|')
          .map((name) => name.trim())
      : (posAttType ?? [])
  return { names, has: (name) => relativeAttention && names.includes(name) }
}

/** Rows of the table of relative embeddings: half of them for tokens behind, half for those ahead. */
function spanOf(config: AnyDeberta): number {
  const { positionBuckets = -1, maxRelativePositions: most } = config as Partial<DebertaV2Config>
  if (positionBuckets > 0) return positionBuckets
  return most !== undefined && most > 0 ? most : config.maxPositionEmbeddings
}

/** DeBERTa v2's buckets of a distance: exact up to half of them, then wider with the logarithm. In float32, as PyTorch. */
export function bucketOf(distance: number, buckets: number, most: number): number {
  const { abs, ceil, fround, log, sign } = Math
  const middle = Math.floor(buckets / 2)
  const far = abs(distance)
  if (far < middle || far <= middle) return distance
  const share = fround(fround(log(fround(far / middle))) / fround(log(fround((most - 1) / middle))))
  return sign(distance) * (ceil(fround(share * (middle - 1))) + middle)
}

/** The row of the table for a query and a key. */
function rowOf(config: AnyDeberta, query: number, key: number): number {
  const span = spanOf(config)
  const { positionBuckets = -1 } = config as Partial<DebertaV2Config>
  const most = config.maxRelativePositions > 0 ? config.maxRelativePositions : config.maxPositionEmbeddings
  const distance = positionBuckets > 0 ? bucketOf(query - key, positionBuckets, most) : query - key
  return Math.min(Math.max(distance + span, 0), 2 * span - 1)
}

type At = TextInput<AnyDeberta>

/** The relative terms are computed for each row of the table; these say where in `[L * rows]` a pair's lies. */
export const INPUTS = {
  ...ABSOLUTE_INPUTS,
  // Without token types any ids will do.
  tokenTypeIds: {
    ...BERT_INPUTS.tokenTypeIds,
    limit: ({ typeVocabSize: size }: AnyDeberta) => ({
      size: size > 0 ? size : Infinity,
      what: `type_vocab_size ${size}`,
    }),
  },
  contentToPosition: relative((config, query, key) => query * 2 * spanOf(config) + rowOf(config, query, key)) as At,
  positionToContent: relative((config, query, key) => key * 2 * spanOf(config) + rowOf(config, query, key)) as At,
}
export type Inputs<T> = Readonly<Record<keyof typeof INPUTS, T>>

/** `[B, L, D]` -> `[B, heads, L, D / heads]` */
export const split = <T>(ops: Ops<T>, x: T, heads: number, headSize: number): T =>
  ops.transpose(ops.reshape(x, [0, 0, heads, headSize]), [0, 2, 1, 3])

/** 1 where both tokens of a pair count, as what is added to scores: `[B, 1, L, L]` of 0 and the lowest float. */
export function pairBias<T>(ops: Ops<T>, mask: T): T {
  const counts = ops.float(mask)
  const pairs = ops.mul(ops.reshape(counts, [0, 1, -1, 1]), ops.reshape(counts, [0, 1, 1, -1]))
  return biasOf(ops, pairs)
}

/** The relative terms of the scores, not yet scaled: `[B, heads, L, L]`. */
export function relativeScores<T>(
  ops: Ops<T>,
  config: AnyDeberta,
  inputs: Inputs<T>,
  { query, key, positions }: { readonly query: T; readonly key: T; readonly positions: T | undefined },
  { positionKey, positionQuery }: { readonly positionKey?: Projection; readonly positionQuery?: Projection },
): T | undefined {
  const { hiddenSize: D, numAttentionHeads: heads, relativeAttention } = config
  if (!relativeAttention) return undefined
  const { has } = termsOf(config)
  const rows = 2 * spanOf(config)
  const term = (of: T, layer: Projection, at: T): T => {
    const projected = ops.transpose(
      ops.reshape(ops.linear(positions as T, layer), [1, rows, heads, D / heads]),
      [0, 2, 1, 3],
    )
    const all = ops.matMul(split(ops, of, heads, D / heads), ops.expandToBatch(projected, of), { transposeB: true })
    return ops.gather(ops.reshape(all, [0, 0, -1]), at, 2)
  }
  const c2p = has('c2p') && positionKey ? term(query, positionKey, inputs.contentToPosition) : undefined
  const p2c = has('p2c') && positionQuery ? term(key, positionQuery, inputs.positionToContent) : undefined
  return c2p !== undefined && p2c !== undefined ? ops.add(c2p, p2c) : (c2p ?? p2c)
}

/** A version's own: attention, and what follows the first layer. */
export interface Version<T> {
  readonly norm?: (positions: T) => T
  attend(w: Scope, x: T, positions: T | undefined): { context: T; probs?: T }
  readonly afterFirst?: (embedded: T, hidden: T) => T
}

/** He et al.'s DeBERTa (transformers' `DebertaModel`, `DebertaV2Model`), whose attention tells content from position. */
export function debertaForward<T>(
  ops: Ops<T>,
  w: Scope,
  config: AnyDeberta,
  { inputIds, attentionMask, tokenTypeIds, positionIds }: Inputs<T>,
  taps: Taps,
  version: Version<T>,
): TowerOutput<T> {
  const { hiddenSize: D, embeddingSize: size = D, layerNormEps: eps, hiddenDropoutProb: rate } = config
  const embeddings = w.at('embeddings')
  const table = (name: string, rows: number, zeroRow?: number): Param =>
    embeddingTable(embeddings, name, [rows, size], zeroRow)
  let sum = ops.embedding(inputIds, table('word_embeddings', config.vocabSize, config.padTokenId))
  if (config.positionBiasedInput)
    sum = ops.add(sum, ops.embedding(positionIds, table('position_embeddings', config.maxPositionEmbeddings)))
  if (config.typeVocabSize > 0)
    sum = ops.add(sum, ops.embedding(tokenTypeIds, table('token_type_embeddings', config.typeVocabSize)))
  if (size !== D) sum = ops.linear(sum, embeddings.at('embed_proj').linear(size, D, { bias: false }))
  const counts = ops.reshape(ops.float(attentionMask), [0, -1, 1])
  const embedded = ops.dropout(ops.mul(ops.layerNorm(sum, embeddings.at('LayerNorm').norm(D, eps)), counts), rate)

  const drawn = () => ops.param(embeddingTable(w, 'encoder.rel_embeddings', [2 * spanOf(config), D]))
  const relatives = config.relativeAttention ? (version.norm?.(drawn()) ?? drawn()) : undefined
  const [hiddenStates, attentions]: [T[], T[]] = [[embedded], []]
  let last = embedded
  for (let index = 0; index < config.numHiddenLayers; index++) {
    const { hidden, probs } = inLayer(ops, () => {
      const layer = w.at(`encoder.layer.${index}`)
      const norm = (name: string): Norm => layer.at(`${name}.LayerNorm`).norm(D, eps)
      const positions = config.relativeAttention ? ops.dropout(relatives as T, rate, 'table') : undefined
      const { context, probs } = version.attend(layer.at('attention.self'), last, positions)
      const attended = ops.dropout(ops.linear(context, layer.at('attention.output.dense').linear(D, D)), rate)
      const middle = ops.addLayerNorm(attended, last, norm('attention.output')).normed
      const expanded = mlp(
        ops,
        layer.at('intermediate.dense').linear(D, config.intermediateSize),
        activationOf(config.hiddenAct),
        layer.at('output.dense').linear(config.intermediateSize, D),
      )(middle)
      const { normed } = ops.addLayerNorm(ops.dropout(expanded, rate), middle, norm('output'))
      return { hidden: index === 0 ? (version.afterFirst?.(embedded, normed) ?? normed) : normed, probs }
    })
    hiddenStates.push((last = hidden))
    if (taps.attentions) attentions.push(probs as T)
  }
  return {
    lastHiddenState: last,
    poolerOutput: pooledBy(ops, config.pooling, last, attentionMask, (first) => first),
    ...(taps.hiddenStates ? { hiddenStates } : {}),
    ...(taps.attentions ? { attentions } : {}),
  }
}

/** What both versions are beside their forward pass. */
export const DEBERTA = {
  kind: 'text',
  suits: () => ({ pooling: 'cls', because: "its own classifier's pooler takes the first token" }),
  staleNames: [/^embeddings\.position_(ids|embeddings\.weight)$/],
  inputs: INPUTS,
  maxLength: (config) => (config.positionBiasedInput ? config.maxPositionEmbeddings : Infinity),
} satisfies Omit<TextTowerModule<AnyDeberta, keyof typeof INPUTS>, 'forward' | 'modelType'>
