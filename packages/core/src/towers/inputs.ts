import { type Tensor, tensor } from '../base/tensor'

type Ids = Tensor<'int64'>

/** What the caller gave of a text, checked: `[B, L]` each, absent where it was left out. */
export interface GivenText {
  readonly inputIds: Ids
  readonly attentionMask?: Ids
  readonly tokenTypeIds?: Ids
  readonly positionIds?: Ids
  readonly taskTypeIds?: Ids
}

/** A size that is known when texts are given, or a number; 'rows' are the tokens where a tower adds some of its own. */
export type InputDim = number | 'batch' | 'length' | 'rows'

/** One input of a text tower: what it is, and how the host makes it. */
export interface TextInput<C> {
  readonly dtype: 'int64' | 'float32'
  dims(config: C): readonly InputDim[]
  /** From what the caller gave. An input of a public name is only made where the caller left it out. */
  make(config: C, given: GivenText): Tensor<'int64'> | Tensor<'float32'>
  /** Of ids: how many there are, and what says so. */
  limit?(config: C): { readonly size: number; readonly what: string }
}

const ROWS = { dtype: 'int64', dims: (): readonly InputDim[] => ['batch', 'length'] } as const

/** `[B, L]` of one value, of the size of the token ids. */
const filled = ({ inputIds: { dims, data } }: GivenText, value: bigint): Ids =>
  tensor(new BigInt64Array(data.length).fill(value), dims)

export const INPUT_IDS: TextInput<{ readonly vocabSize: number }> = {
  ...ROWS,
  make: (_config, { inputIds }) => inputIds,
  limit: ({ vocabSize: size }) => ({ size, what: `the vocabulary of ${size}` }),
}

/** 1 = attend, 0 = padding; ones unless given. */
export const ATTENTION_MASK: TextInput<unknown> = {
  ...ROWS,
  make: (_config, given) => filled(given, 1n),
  limit: () => ({ size: 2, what: 'a mask' }),
}

/** 1 = attend, 0 = padding; what is no padding token unless given. */
export const MASK_OF_IDS: TextInput<{ readonly padTokenId: number }> = {
  ...ATTENTION_MASK,
  make: ({ padTokenId }, { inputIds: { dims, data } }) => {
    const padding = BigInt(padTokenId)
    return tensor(
      data.map((id) => (id === padding ? 0n : 1n)),
      dims,
    )
  },
}

/** Zeros unless given. */
const TOKEN_TYPE_IDS: TextInput<{ readonly typeVocabSize: number }> = {
  ...ROWS,
  make: (_config, given) => filled(given, 0n),
  limit: ({ typeVocabSize: size }) => ({ size, what: `type_vocab_size ${size}` }),
}

/** ERNIE's tasks; zeros unless given. */
export const TASK_TYPE_IDS: TextInput<{ readonly taskTypeVocabSize: number }> = {
  ...ROWS,
  make: (_config, given) => filled(given, 0n),
  limit: ({ taskTypeVocabSize: size }) => ({ size, what: `task_type_vocab_size ${size}` }),
}

type Positioned = { readonly maxPositionEmbeddings: number }

/** Positions as `count` makes them of the ids, below `max_position_embeddings`. */
export const positionIds = <C extends Positioned>(count: (config: C, inputIds: Ids) => Ids): TextInput<C> => ({
  ...ROWS,
  make: (config, { inputIds }) => count(config, inputIds),
  limit: ({ maxPositionEmbeddings: size }) => ({ size, what: `max_position_embeddings ${size}` }),
})

/** 0, 1, 2 ... in each row. */
export const POSITION_IDS: TextInput<Positioned> = positionIds((_config, { dims, data }) => {
  const length = dims[1] ?? 1
  return tensor(
    BigInt64Array.from({ length: data.length }, (_, i) => BigInt(i % length)),
    dims,
  )
})

/** Of every pair of tokens in a row, whatever the texts: `[L, L]`. */
export const relative = <C>(
  of: (config: C, query: number, key: number) => number,
  limit?: TextInput<C>['limit'],
): TextInput<C> => ({
  dtype: 'int64',
  dims: () => ['length', 'length'],
  make(config, { inputIds: { dims } }) {
    const length = dims[1] ?? 1
    const at = (i: number) => of(config, Math.floor(i / length), i % length)
    return tensor(
      BigInt64Array.from({ length: length * length }, (_, i) => BigInt(at(i))),
      [length, length],
    )
  },
  limit,
})

/** What towers without token types take. */
export const ABSOLUTE_INPUTS = {
  inputIds: INPUT_IDS,
  attentionMask: ATTENTION_MASK,
  positionIds: POSITION_IDS,
}

/** What BERT and its kin take. */
export const BERT_INPUTS = {
  inputIds: INPUT_IDS,
  attentionMask: ATTENTION_MASK,
  tokenTypeIds: TOKEN_TYPE_IDS,
  positionIds: POSITION_IDS,
}
export type BertInputs<T> = Readonly<Record<keyof typeof BERT_INPUTS, T>>

type Ended = { readonly eosTokenId: number | null }

/**
 * `[B]`, where each text ends: its first `eos_token_id`. An `eos_token_id` of 2 is that of CLIP's old configs, which
 * named the wrong token: there the end is the largest id, as in transformers.
 */
export const endPositions = (oldConfigs: boolean): TextInput<Ended> => ({
  dtype: 'int64',
  dims: () => ['batch'],
  make({ eosTokenId }, { inputIds: { dims, data } }) {
    const [batch = 0, length = 0] = dims
    const ends = Array.from({ length: batch }, (_, row) => {
      const ids = Array.from(data.subarray(row * length, (row + 1) * length), Number)
      const end = oldConfigs && eosTokenId === 2 ? Math.max(...ids) : eosTokenId
      return BigInt(Math.max(0, ids.indexOf(end ?? -1)))
    })
    return tensor(BigInt64Array.from(ends), [batch])
  },
})
