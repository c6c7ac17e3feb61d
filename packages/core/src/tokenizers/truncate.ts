import { TokenizerError } from '../errors'
import type { Side, TruncationStrategy } from './options'

const cut = (tokens: string[], length: number, side: Side): string[] =>
  tokens.length <= length ? tokens : side === 'right' ? tokens.slice(0, length) : tokens.slice(tokens.length - length)

/**
 * Shortens a text or a pair to `room` tokens, special ones not counted (the Rust library's
 * `truncate_encodings`).
 * @throws TokenizerError where the text that may be cut is not long enough
 */
export function truncate(
  first: string[],
  second: string[] | undefined,
  room: number,
  strategy: Exclude<TruncationStrategy, boolean>,
  side: Side,
): [string[], string[] | undefined] {
  const excess = first.length + (second?.length ?? 0) - room
  if (strategy === 'do_not_truncate' || excess <= 0) return [first, second]
  if (strategy === 'longest_first') {
    if (!second) return [cut(first, room, side), undefined]
    const [a, b] = lengths(first.length, second.length, room)
    return [cut(first, a, side), cut(second, b, side)]
  }
  const target = strategy === 'only_first' ? first : second
  if (!target || target.length <= excess)
    throw new TokenizerError(
      'cannot-truncate',
      `truncation "${strategy}" cannot remove ${excess} tokens: that text holds ${target?.length ?? 0}. ` +
        'Use truncation: "longest_first" or a larger maxLength.',
    )
  const shorter = cut(target, target.length - excess, side)
  return strategy === 'only_first' ? [shorter, second] : [first, shorter]
}

/** The lengths that `longest_first` leaves of a pair. */
function lengths(first: number, second: number, room: number): [number, number] {
  let short = Math.min(first, second)
  let long = short > room ? short : Math.max(short, room - short)
  if (short + long > room) {
    short = Math.floor(room / 2)
    long = short + (room % 2)
  }
  return first <= second ? [short, long] : [long, short]
}
