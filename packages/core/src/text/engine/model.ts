/** The tokens of one word. */
export interface Pieces {
  readonly ids: readonly number[]
  /** Where each token ends in the word, in UTF-16 units. */
  readonly ends: readonly number[]
}

export interface Model {
  readonly vocab: ReadonlyMap<string, number>
  /** How many tokens the file lists: the id of the first that is added. */
  readonly size: number
  tokenize(word: string): Pieces
}
