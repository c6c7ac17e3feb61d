import { OptionError } from '../errors'

export type PaddingStrategy = boolean | 'longest' | 'max_length' | 'do_not_pad'
export type TruncationStrategy = boolean | 'longest_first' | 'only_first' | 'only_second' | 'do_not_truncate'
export type Side = 'left' | 'right'

/** The options of a tokenizer's call, by transformers' names. */
export interface TokenizerCallOptions {
  /** The second text of each pair. */
  textPair?: string | readonly string[]
  padding?: PaddingStrategy
  truncation?: TruncationStrategy
  maxLength?: number
  padToMultipleOf?: number
  paddingSide?: Side
  truncationSide?: Side
  addSpecialTokens?: boolean
  returnTokenTypeIds?: boolean
  returnAttentionMask?: boolean
  returnSpecialTokensMask?: boolean
}

export const TOKENIZER_OPTIONS = [
  'textPair',
  'padding',
  'truncation',
  'maxLength',
  'padToMultipleOf',
  'paddingSide',
  'truncationSide',
  'addSpecialTokens',
  'returnTokenTypeIds',
  'returnAttentionMask',
  'returnSpecialTokensMask',
] as const satisfies readonly (keyof TokenizerCallOptions)[]

/** @throws OptionError where `value` is none of `allowed`. */
export function oneOf<T>(name: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T
  throw new OptionError('bad-option', `${name} is ${JSON.stringify(value)}. Should be one of: ${allowed.join(', ')}.`)
}

export function paddingOf(value: PaddingStrategy | undefined): 'longest' | 'max_length' | 'do_not_pad' {
  if (value === true) return 'longest'
  return oneOf('padding', value || 'do_not_pad', ['longest', 'max_length', 'do_not_pad'] as const)
}

export function truncationOf(value: TruncationStrategy | undefined): Exclude<TruncationStrategy, boolean> {
  if (value === true) return 'longest_first'
  const allowed = ['longest_first', 'only_first', 'only_second', 'do_not_truncate'] as const
  return oneOf('truncation', value || 'do_not_truncate', allowed)
}
