import { type Aligned, applyAligned, cutSpans } from './aligned'
import { toByteChars } from './byte-level'
import { Fields, unsupported } from './json'
import { matchesOf, patternOf } from './pattern'
import { charClass } from './unicode'

/** Cuts a text into what the model sees as words. `atStart`: nothing of the input stands before it. */
export type PreTokenizer = (piece: Aligned, atStart: boolean) => readonly Aligned[]

export function createPreTokenizer(json: unknown): PreTokenizer {
  if (json === null || json === undefined) return (piece) => [piece]
  return step(new Fields(json, 'pre_tokenizer'))
}

const MAKERS: Readonly<Record<string, (fields: Fields) => PreTokenizer>> = {
  Sequence: sequence,
  BertPreTokenizer: () => {
    const [space, punctuation] = [charClass('whitespace'), charClass('punctuation')]
    return matches(new RegExp(`[^${space}${punctuation}]+|[${punctuation}]`, 'gu'))
  },
  ByteLevel: byteLevel,
  Whitespace: () => {
    const [space, word] = [charClass('whitespace'), charClass('word')]
    return matches(new RegExp(`[${word}]+|[^${word}${space}]+`, 'gu'))
  },
  WhitespaceSplit: () => matches(new RegExp(`[^${charClass('whitespace')}]+`, 'gu')),
  Metaspace: metaspace,
  Punctuation: (fields) =>
    splitter(new RegExp(`[${charClass('punctuation')}]`, 'gu'), behaviorOf(fields, 'Isolated'), false),
  Digits: (fields) =>
    splitter(
      new RegExp(`[${charClass('number')}]`, 'gu'),
      fields.boolean('individual_digits') ? 'Isolated' : 'Contiguous',
      false,
    ),
  Split: (fields) => splitter(patternOf(fields.at('pattern')), behaviorOf(fields), fields.boolean('invert', false)),
}

function step(fields: Fields): PreTokenizer {
  const make = Object.hasOwn(MAKERS, fields.type) ? MAKERS[fields.type] : undefined
  return make ? make(fields) : unsupported(fields.where, fields.type, Object.keys(MAKERS))
}

function sequence(fields: Fields): PreTokenizer {
  const steps = fields.objects('pretokenizers').map(step)
  return (piece, atStart) =>
    steps.reduce<readonly Aligned[]>(
      (pieces, next) => pieces.flatMap((each, i) => next(each, atStart && i === 0)),
      [piece],
    )
}

const slice = ({ text, spans }: Aligned, start: number, end: number): Aligned => ({
  text: text.slice(start, end),
  spans: cutSpans(spans, start, end),
})

/** Keeps the matches, drops what lies between. */
const matches =
  (pattern: RegExp): PreTokenizer =>
  (piece) =>
    piece.spans
      ? Array.from(matchesOf(pattern, piece.text), ([start, text]) => slice(piece, start, start + text.length))
      : (piece.text.match(pattern) ?? []).map((text) => ({ text, spans: undefined }))

/** Puts a character in front, which stands where the first one does. */
function prefixed({ text, spans }: Aligned, prefix: string): Aligned {
  return {
    text: prefix + text,
    spans: spans && { starts: [spans.starts[0] ?? 0, ...spans.starts], ends: [spans.ends[0] ?? 0, ...spans.ends] },
  }
}

function byteLevel(fields: Fields): PreTokenizer {
  const [space, letter, number] = [charClass('whitespace'), charClass('letter'), charClass('number')]
  const words = matches(
    new RegExp(
      `'s|'t|'re|'ve|'m|'ll|'d| ?[${letter}]+| ?[${number}]+| ?[^${space}${letter}${number}]+|[${space}]+(?![^${space}])|[${space}]+`,
      'gu',
    ),
  )
  const toBytes = { apply: toByteChars }
  const addsSpace = fields.boolean('add_prefix_space', true)
  const usesRegex = fields.boolean('use_regex', true)
  return (piece, atStart) => {
    const spaced = addsSpace && !piece.text.startsWith(' ') ? prefixed(piece, ' ') : piece
    return (usesRegex ? words(spaced, atStart) : [spaced]).map((word) => applyAligned(toBytes, word))
  }
}

function metaspace(fields: Fields): PreTokenizer {
  const mark = fields.string('replacement', '▁')
  const scheme = fields.has('prepend_scheme')
    ? fields.oneOf('prepend_scheme', ['always', 'first', 'never'])
    : fields.boolean('add_prefix_space', true)
      ? 'always'
      : 'never'
  const words = splitter(new RegExp(mark.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu'), 'MergedWithNext', false)
  const splits = fields.boolean('split', true)
  return (piece, atStart) => {
    const marked = { ...piece, text: piece.text.replaceAll(' ', mark) }
    const prepends = (scheme === 'always' || (scheme === 'first' && atStart)) && !marked.text.startsWith(mark)
    const whole = prepends ? prefixed(marked, mark) : marked
    return splits ? words(whole, atStart) : [whole]
  }
}

const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const
type Behavior = (typeof BEHAVIORS)[number]

const behaviorOf = (fields: Fields, otherwise?: Behavior): Behavior => fields.oneOf('behavior', BEHAVIORS, otherwise)

/** The Rust library's `split`: what becomes of the matches, or with `invert` of what lies between. */
function splitter(pattern: RegExp, behavior: Behavior, invert: boolean): PreTokenizer {
  if (behavior === 'Removed' && invert) return matches(new RegExp(`(?:${pattern.source})`, pattern.flags))
  return (piece) => {
    const parts: { start: number; end: number; isMatch: boolean }[] = []
    let at = 0
    for (const [index, match] of matchesOf(pattern, piece.text)) {
      if (match === '') continue
      if (index > at) parts.push({ start: at, end: index, isMatch: invert })
      at = index + match.length
      parts.push({ start: index, end: at, isMatch: !invert })
    }
    if (at < piece.text.length) parts.push({ start: at, end: piece.text.length, isMatch: invert })
    const joined: typeof parts = []
    parts.forEach((part, i) => {
      const before = parts[i - 1]
      const joins =
        (behavior === 'MergedWithPrevious' && part.isMatch && before && !before.isMatch) ||
        (behavior === 'MergedWithNext' && !part.isMatch && before?.isMatch) ||
        (behavior === 'Contiguous' && before && before.isMatch === part.isMatch)
      const last = joined.at(-1)
      if (joins && last) last.end = part.end
      else if (behavior !== 'Removed' || !part.isMatch) joined.push({ ...part })
    })
    return joined.map(({ start, end }) => slice(piece, start, end))
  }
}
