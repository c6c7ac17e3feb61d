export type { Offset, PaddingStrategy, Side, TextInput, TokenizerCallOptions, TruncationStrategy } from './options'
export { Tokenizer, type TokenizerCall, type TokenizerFiles, type TokenizerOutput, type TokenRows } from './tokenizer'
