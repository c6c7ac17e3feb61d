import { LOWER, RANGES } from './unicode-tables'

export type Table = keyof typeof RANGES

const hex = (point: number): string => `\\u{${point.toString(16)}}`

/** The ranges of a table as they stand between the brackets of a character class. */
function classOf(table: Table): string {
  let at = 0
  return RANGES[table]
    .split(' ')
    .map((range) => {
      const [gap = '', length = '1'] = range.split('.')
      const start = at + parseInt(gap, 36)
      at = start + parseInt(length, 36)
      return at - start === 1 ? hex(start) : `${hex(start)}-${hex(at - 1)}`
    })
    .join('')
}

const cache = new Map<Table, string>()

/** A table for use inside a character class: `[^${charClass('letter')}]`. */
export function charClass(table: Table): string {
  const known = cache.get(table) ?? classOf(table)
  cache.set(table, known)
  return known
}

function lowerMap(): Map<string, string> {
  const map = new Map([['\u0130', 'i\u0307']])
  let start = 0
  for (const run of LOWER.split(' ')) {
    const [gap = 0, count = 0, stride = 0, delta = 0] = run.split('.').map((digits) => parseInt(digits, 36))
    start += gap
    for (let i = 0; i < count; i++)
      map.set(String.fromCodePoint(start + i * stride), String.fromCodePoint(start + i * stride + delta))
  }
  return map
}

let lowered: Map<string, string> | undefined
const NOT_ASCII = /[^\0-\x7f]/

/** Lower case of each code point by itself: a final sigma is a sigma. */
export function lowerCase(text: string): string {
  if (!NOT_ASCII.test(text)) return text.toLowerCase()
  const map = (lowered ??= lowerMap())
  let result = ''
  for (const char of text) result += map.get(char) ?? char
  return result
}

export type NormalForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD'
let frozen: RegExp | undefined

/** `String.normalize`, without what Unicode has added since Rust's tables. */
export function normalForm(text: string, form: NormalForm): string {
  if (!NOT_ASCII.test(text)) return text
  frozen ??= new RegExp(`([${charClass('frozen')}])`, 'u')
  const normal = (part: string) => part.replace(LONG_RUN, ordered).normalize(form)
  if (!frozen.test(text)) return normal(text)
  return text
    .split(frozen)
    .map((part, i) => (i % 2 ? part : normal(part)))
    .join('')
}

/** Combining marks, so many that the engine's way to order them (insertion, quadratic) takes long. */
const LONG_RUN = /\p{M}{100,}/gu

const swaps = (first: string, second: string): boolean => (first + second).normalize('NFD') === second + first
/** Marks of the lowest and of a high canonical class: a mark that passes neither is of none, and nothing passes it. */
const [OVERLAY, ACUTE] = ['\u0334', '\u0301']

/** A run of marks in canonical order, which `normalize` leaves as it is. */
function ordered(run: string): string {
  const marks = [...run].flatMap((mark) => [...mark.normalize('NFD')])
  const kinds = [...new Set(marks)]
  const moving = kinds.filter((mark) => mark === OVERLAY || swaps(mark, OVERLAY) || swaps(ACUTE, mark))
  moving.sort((a, b) => (swaps(a, b) ? 1 : swaps(b, a) ? -1 : 0))
  let rank = 0
  const ranks = new Map(
    moving.map((mark, i) => [mark, i > 0 && swaps(mark, moving[i - 1] as string) ? ++rank : rank] as const),
  )
  let result = ''
  let waiting: string[] = []
  const flush = () => {
    result += waiting.sort((a, b) => (ranks.get(a) as number) - (ranks.get(b) as number)).join('')
    waiting = []
  }
  for (const mark of marks) {
    if (ranks.has(mark)) waiting.push(mark)
    else {
      flush()
      result += mark
    }
  }
  flush()
  return result
}

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000

let segmenter: Intl.Segmenter | undefined
const PART = 256

/**
 * The graphemes of a text. It is cut up a part at a time, as the segmenter takes quadratic time for a long text; the
 * last grapheme of a part may go on in the next, which begins with it.
 */
export function graphemes(text: string): string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  const found: string[] = []
  let at = 0
  let size = PART
  while (at < text.length) {
    // A pair of surrogates is not cut: half of one does not say what stands there.
    const end = at + size - (isLowSurrogate(text.charCodeAt(at + size)) ? 1 : 0)
    const part = text.slice(at, end)
    const segments = Array.from(segmenter.segment(part), ({ segment }) => segment)
    const isLast = end >= text.length
    if (!isLast) segments.pop()
    for (const segment of segments) {
      found.push(segment)
      at += segment.length
    }
    // One grapheme longer than a part.
    size = segments.length === 0 ? size * 2 : PART
  }
  return found
}

/** Python's and Rust's `strip`: without the white space at either end. `space` tests one UTF-16 unit. */
export function stripped(text: string, space: RegExp, left = true, right = true): string {
  let start = 0
  let end = text.length
  while (left && start < end && space.test(text[start] as string)) start++
  while (right && end > start && space.test(text[end - 1] as string)) end--
  return text.slice(start, end)
}

/** What Python's `strip` and `\\s` take, which is not what `trim` does: not U+FEFF, but U+001C to U+001F and U+0085. */
export const PYTHON_SPACE = /(?!\ufeff)[\s\x1c-\x1f\x85]/
