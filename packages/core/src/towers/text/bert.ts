import type { BERT_DEFAULTS, BertConfig } from './bert.config'
import { ConfigError } from '../../base/errors'
import { type EncoderOptions, pool, postNormEncoder, type PostNormLayer, firstSuffices } from '../blocks'
import type { Ops, Param } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { BERT_INPUTS, type BertInputs } from '../inputs'
import { type LayerNames, postNormLayer } from './post-norm-layer'
import type { Pooling, Taps, TextTowerModule, TowerOutput } from '../tower'

export type BertLike = typeof BERT_DEFAULTS & { readonly modelType: string }

const LAYER: LayerNames = {
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  output: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  fc1: 'intermediate.dense',
  fc2: 'output.dense',
  outputNorm: 'output.LayerNorm',
}

export const bertLayer = <T>(ops: Ops<T>, w: Scope, config: BertLike): PostNormLayer<T> =>
  postNormLayer(ops, w, LAYER, config)

/** @throws ConfigError for what makes a BERT another model than the encoder that runs here. */
function checkEncoder(config: BertLike): void {
  if (config.isDecoder)
    throw new ConfigError(
      'unsupported-config',
      `${config.modelType}: is_decoder is true, which masks later tokens. Only encoders are supported: set it to false.`,
    )
  const type = config.positionEmbeddingType ?? 'absolute'
  if (type !== 'absolute')
    throw new ConfigError(
      'unsupported-config',
      `${config.modelType}: position_embedding_type "${type}" is not supported. Allowed: "absolute".`,
    )
}

/** How a relative's embeddings differ from BERT's. */
interface EmbeddingOptions<T> {
  /** Their size, where it is not the hidden size. */
  readonly size?: number
  /** The row of positions that stays zero: that of padding. */
  readonly positionPadding?: number
  /** Added to all. */
  readonly also?: T
}

/** Words, token types and positions, added up; `[B, L, size]`. */
export function bertSum<T>(
  ops: Ops<T>,
  w: Scope,
  config: BertLike,
  inputs: BertInputs<T>,
  { size = config.hiddenSize, positionPadding, also }: EmbeddingOptions<T> = {},
): { words: T; positions: T } {
  checkEncoder(config)
  const table = (name: string, rows: number, zeroRow?: number | null): Param =>
    embeddingTable(w, name, [rows, size], zeroRow)
  const words = ops.embedding(inputs.inputIds, table('word_embeddings', config.vocabSize, config.padTokenId))
  const types = ops.embedding(inputs.tokenTypeIds, table('token_type_embeddings', config.typeVocabSize))
  const positions = ops.embedding(
    inputs.positionIds,
    table('position_embeddings', config.maxPositionEmbeddings, positionPadding),
  )
  const sum = ops.add(words, types)
  return { words: also === undefined ? sum : ops.add(sum, also), positions }
}

/** An embedding table `[rows, size]`; the row of padding is zero when it is drawn. */
export const embeddingTable = (
  w: Scope,
  name: string,
  shape: readonly [number, number],
  zeroRow?: number | null,
): Param => w.at(name).param('weight', shape, { kind: 'normal', std: w.std, zeroRow: zeroRow ?? undefined })

/** BERT's embeddings, normalised; `[B, L, size]`. */
export function bertEmbeddings<T>(
  ops: Ops<T>,
  w: Scope,
  config: BertLike,
  inputs: BertInputs<T>,
  options: EmbeddingOptions<T> = {},
): T {
  const { words, positions } = bertSum(ops, w, config, inputs, options)
  const norm = w.at('LayerNorm').norm(options.size ?? config.hiddenSize, config.layerNormEps)
  return ops.dropout(ops.addLayerNorm(words, positions, norm).normed, config.hiddenDropoutProb)
}

/** A tower's vector: what `pooling` says, or else `own` of the first token. */
export const pooledBy = <T>(
  ops: Ops<T>,
  pooling: Pooling | null | undefined,
  last: T,
  mask: T,
  own: (first: T) => T,
): T => (pooling ? pool(ops, pooling, last, { mask }) : own(ops.token(last, 0)))

/** BERT's own pooler: a linear layer and tanh. */
export const bertPooler =
  <T>(ops: Ops<T>, w: Scope, { hiddenSize: D }: { readonly hiddenSize: number }): ((first: T) => T) =>
  (first) =>
    ops.linear(first, w.at('pooler.dense').linear(D, D), 'tanh')

type EncoderLike = Pick<
  BertLike,
  'numHiddenLayers' | 'numAttentionHeads' | 'hiddenDropoutProb' | 'attentionProbsDropoutProb' | 'pooling'
>

/** The options of an encoder over texts, from a config of BERT's kind. */
export const encoderOptions = <T>(config: EncoderLike, keyMask: T, taps: Taps): EncoderOptions<T> => ({
  layers: config.numHiddenLayers,
  heads: config.numAttentionHeads,
  taps,
  firstTokenOnly: firstSuffices(taps, config.pooling),
  hiddenDropout: config.hiddenDropoutProb,
  attentionDropout: config.attentionProbsDropoutProb,
  keyMask,
})

/** BERT's layers and pooler over embeddings x `[B, L, D]`. */
export function bertEncoder<T>(
  ops: Ops<T>,
  w: Scope,
  config: BertLike,
  x: T,
  mask: T,
  taps: Taps,
  own = bertPooler(ops, w, config),
): TowerOutput<T> {
  const { last, ...collected } = postNormEncoder(
    ops,
    x,
    (index) => bertLayer(ops, w.at(`encoder.layer.${index}`), config),
    encoderOptions(config, mask, taps),
  )
  return { lastHiddenState: last, poolerOutput: pooledBy(ops, config.pooling, last, mask, own), ...collected }
}

/** Devlin et al.'s BERT (transformers' `BertModel`), and RoBERTa, which differs in its positions. */
export function bertForward<T>(
  ops: Ops<T>,
  w: Scope,
  config: BertLike,
  inputs: BertInputs<T>,
  taps: Taps,
  options: EmbeddingOptions<T> = {},
): TowerOutput<T> {
  const x = bertEmbeddings(ops, w.at('embeddings'), config, inputs, options)
  return bertEncoder(ops, w, config, x, inputs.attentionMask, taps)
}

/** Buffers that transformers saved before 4.31. */
export const STALE_POSITIONS = /^embeddings\.(position_ids|token_type_ids)$/

export const bert: TextTowerModule<BertConfig, keyof typeof BERT_INPUTS> = {
  kind: 'text',
  modelType: 'bert',
  staleNames: [STALE_POSITIONS],
  inputs: BERT_INPUTS,
  forward: (ops, w, config, inputs, taps) => bertForward(ops, w, config, inputs, taps),
  maxLength: (config) => config.maxPositionEmbeddings,
}
