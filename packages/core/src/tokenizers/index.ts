export type { PaddingStrategy, Side, TextInput, TokenizerCallOptions, TruncationStrategy } from './options'
export {
  type Offset,
  Tokenizer,
  type TokenizerCall,
  type TokenizerFiles,
  type TokenizerOutput,
  type TokenRows,
} from './tokenizer'
