import { OptionError } from '../base/errors'

export type PaddingStrategy = boolean | 'longest' | 'max_length' | 'do_not_pad'
export type TruncationStrategy = boolean | 'longest_first' | 'only_first' | 'only_second' | 'do_not_truncate'
export type Side = 'left' | 'right'

/** A text or several; with `isSplitIntoWords` a text is a list of words. */
export type TextInput = string | readonly string[] | readonly (readonly string[])[]

/** The options of a tokenizer's call, by transformers' names. */
export interface TokenizerCallOptions {
  /** The second text of each pair. */
  textPair?: TextInput
  /** Texts are lists of words. */
  isSplitIntoWords?: boolean
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
  /** Where each token stands in its text (or word), in UTF-16 units as `slice` counts. */
  returnOffsetsMapping?: boolean
}

export const TOKENIZER_OPTIONS = [
  'textPair',
  'isSplitIntoWords',
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
  'returnOffsetsMapping',
] as const satisfies readonly (keyof TokenizerCallOptions)[]

/** @throws OptionError where `value` is none of `allowed`. */
export function oneOf<T>(name: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T
  throw new OptionError('bad-option', `${name} is ${JSON.stringify(value)}. Should be one of: ${allowed.join(', ')}.`)
}

/** What a call's options come to, by the rules of transformers' `_get_padding_truncation_strategies`. */
export interface Lengths {
  readonly padding: 'longest' | 'max_length' | 'do_not_pad'
  readonly truncation: Exclude<TruncationStrategy, boolean>
  readonly maxLength: number | undefined
  readonly multiple: number | undefined
}

/** `modelMaxLength`: of the tokenizer, undefined where it has no limit. */
export function lengthsOf(options: TokenizerCallOptions, modelMaxLength: number | undefined): Lengths {
  const multiple = countOf('padToMultipleOf', options.padToMultipleOf)
  let maxLength = countOf('maxLength', options.maxLength)
  let padding = paddingOf(options.padding)
  let truncation =
    options.truncation === undefined && maxLength !== undefined && !options.padding
      ? 'longest_first'
      : truncationOf(options.truncation)
  if (maxLength === undefined) {
    if (padding === 'max_length' && modelMaxLength === undefined) padding = 'do_not_pad'
    if (modelMaxLength === undefined) truncation = 'do_not_truncate'
    if (padding === 'max_length' || truncation !== 'do_not_truncate') maxLength = modelMaxLength
  }
  if (truncation !== 'do_not_truncate' && padding !== 'do_not_pad' && multiple && maxLength && maxLength % multiple)
    throw new OptionError(
      'bad-option',
      `maxLength is ${maxLength} and padToMultipleOf ${multiple}: with padding and truncation, one must be a multiple of the other.`,
    )
  return { padding, truncation, maxLength, multiple }
}

function countOf(name: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 0)) return value
  throw new OptionError('bad-option', `${name} is ${JSON.stringify(value)}; a whole number is needed.`)
}

function paddingOf(value: PaddingStrategy | undefined): Lengths['padding'] {
  if (value === true) return 'longest'
  return oneOf('padding', value || 'do_not_pad', ['longest', 'max_length', 'do_not_pad'] as const)
}

function truncationOf(value: TruncationStrategy | undefined): Lengths['truncation'] {
  if (value === true) return 'longest_first'
  const allowed = ['longest_first', 'only_first', 'only_second', 'do_not_truncate'] as const
  return oneOf('truncation', value || 'do_not_truncate', allowed)
}

export type Offset = [start: number, end: number]
