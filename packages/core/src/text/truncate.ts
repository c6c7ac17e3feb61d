import { TokenizerError } from '../base/errors'
import type { TruncationStrategy } from './options'

/**
 * The lengths that a text and its pair keep in `room` tokens, special ones not counted (the Rust library's
 * `truncate_encodings`).
 * @throws TokenizerError where the text that may be cut is not long enough
 */
export function keptLengths(
  first: number,
  second: number | undefined,
  room: number,
  strategy: Exclude<TruncationStrategy, boolean>,
): [first: number, second: number] {
  const excess = first + (second ?? 0) - room
  if (strategy === 'do_not_truncate' || excess <= 0) return [first, second ?? 0]
  if (room === 0) return [0, 0]
  if (strategy === 'longest_first') return second === undefined ? [room, 0] : longestFirst(first, second, room)
  const target = strategy === 'only_first' ? first : (second ?? 0)
  if (target <= excess)
    throw new TokenizerError(
      'cannot-truncate',
      `truncation "${strategy}" cannot remove ${excess} tokens: that text holds ${target}. ` +
        'Use truncation: "longest_first" or a larger maxLength.',
    )
  return strategy === 'only_first' ? [first - excess, second ?? 0] : [first, target - excess]
}

function longestFirst(first: number, second: number, room: number): [number, number] {
  let short = Math.min(first, second)
  let long = short > room ? short : Math.max(short, room - short)
  if (short + long > room) {
    short = Math.floor(room / 2)
    long = short + (room % 2)
  }
  return first <= second ? [short, long] : [long, short]
}
