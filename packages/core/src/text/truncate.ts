import { TokenizerError } from '../base/errors'
import type { TruncationStrategy } from './options'

/**
 * The lengths that a text and its pair keep in `room` tokens, special ones not counted (the Rust library's
 * `truncate_encodings`). `asPython`: by the rules of transformers' Python code, where the first keeps the
 * odd token when both are cut; in Rust the longer one does, and the second of two equals.
 * @throws TokenizerError where the text that may be cut is not long enough
 */
export function keptLengths(
  first: number,
  second: number | undefined,
  room: number,
  strategy: Exclude<TruncationStrategy, boolean>,
  asPython = false,
): [first: number, second: number] {
  const excess = first + (second ?? 0) - room
  if (strategy === 'do_not_truncate' || excess <= 0) return [first, second ?? 0]
  if (room === 0 && !asPython) return [0, 0]
  if (strategy === 'longest_first')
    return second === undefined ? [room, 0] : longestFirst(first, second, room, asPython)
  const target = strategy === 'only_first' ? first : (second ?? 0)
  if (target <= excess && !asPython)
    throw new TokenizerError(
      'cannot-truncate',
      `truncation "${strategy}" cannot remove ${excess} tokens: that text holds ${target}. ` +
        'Use truncation: "longest_first" or a larger maxLength.',
    )
  const kept = Math.max(target - excess, 0)
  return strategy === 'only_first' ? [kept, second ?? 0] : [first, kept]
}

function longestFirst(first: number, second: number, room: number, asPython: boolean): [number, number] {
  let short = Math.min(first, second)
  let long = short > room ? short : Math.max(short, room - short)
  if (short + long > room) {
    short = Math.floor(room / 2)
    long = short + (room % 2)
    if (asPython) return [long, short]
  }
  return first <= second ? [short, long] : [long, short]
}
