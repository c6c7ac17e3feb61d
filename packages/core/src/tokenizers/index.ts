export type { PaddingStrategy, Side, TokenizerCallOptions, TruncationStrategy } from './options'
export { Tokenizer, type TokenizerFiles, type TokenizerOutput, type TokenRows } from './tokenizer'
