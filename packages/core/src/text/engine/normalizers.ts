import { type Aligned, applyAligned, type Normalizer, type Part } from './aligned'
import { Fields, unsupported } from './json'
import { matchesOf, patternOf } from './pattern'
import { Precompiled } from './precompiled'
import { charClass, lowerCase, normalForm, stripped } from './unicode'

/** The steps of a `normalizer`, a Sequence laid flat. */
export function createNormalizer(json: unknown): readonly Normalizer[] {
  if (json === null || json === undefined) return []
  return steps(new Fields(json, 'normalizer'))
}

export const normalize = (steps: readonly Normalizer[], text: Aligned): Aligned =>
  steps.reduce((done, step) => applyAligned(step, done), text)

const MAKERS: Readonly<Record<string, (fields: Fields) => readonly Normalizer[]>> = {
  Sequence: (fields) => fields.objects('normalizers').flatMap(steps),
  BertNormalizer: bert,
  Lowercase: () => [{ apply: lowerCase }],
  NFC: () => [{ apply: (text) => normalForm(text, 'NFC') }],
  NFD: () => [{ apply: (text) => normalForm(text, 'NFD') }],
  NFKC: () => [{ apply: (text) => normalForm(text, 'NFKC') }],
  NFKD: () => [{ apply: (text) => normalForm(text, 'NFKD') }],
  StripAccents: () => [removal('combining')],
  Strip: (fields) => [strip(fields.boolean('strip_left', true), fields.boolean('strip_right', true))],
  Replace: (fields) => [replace(patternOf(fields.at('pattern')), fields.string('content'))],
  Precompiled: (fields) =>
    fields.has('precompiled_charsmap') ? [Precompiled.fromBase64(fields.string('precompiled_charsmap'))] : [],
}

function steps(fields: Fields): readonly Normalizer[] {
  const make = Object.hasOwn(MAKERS, fields.type) ? MAKERS[fields.type] : undefined
  return make ? make(fields) : unsupported(fields.where, fields.type, Object.keys(MAKERS))
}

function removal(table: 'accent' | 'combining' | 'removed'): Normalizer {
  const pattern = new RegExp(`[${charClass(table)}]+`, 'gu')
  return { apply: (text) => text.replace(pattern, '') }
}

function bert(fields: Fields): readonly Normalizer[] {
  const lowercase = fields.boolean('lowercase', true)
  const spaces = new RegExp(`[${charClass('space')}]`, 'gu')
  const cjk = new RegExp(`[${charClass('cjk')}]`, 'gu')
  return [
    ...(fields.boolean('clean_text', true)
      ? [removal('removed'), { apply: (text: string) => text.replace(spaces, ' ') }]
      : []),
    ...(fields.boolean('handle_chinese_chars', true) ? [{ apply: (text: string) => text.replace(cjk, ' $& ') }] : []),
    ...(fields.boolean('strip_accents', lowercase)
      ? [{ apply: (text: string) => normalForm(text, 'NFD') }, removal('accent')]
      : []),
    ...(lowercase ? [{ apply: lowerCase }] : []),
  ]
}

function strip(left: boolean, right: boolean): Normalizer {
  const space = new RegExp(`[${charClass('whitespace')}]`, 'u')
  return {
    apply: (text) => stripped(text, space, left, right),
    // The spaces that go, and the code points that stay.
    parts(text) {
      const rest = stripped(text, space, left, false)
      const kept = stripped(rest, space, false, right)
      const stays = Array.from(kept, (char): Part => [char, char])
      return [[text.slice(0, text.length - rest.length), ''], ...stays, [rest.slice(kept.length), '']]
    },
  }
}

function replace(pattern: RegExp, content: string): Normalizer {
  return {
    apply: (text) => text.replace(pattern, () => content),
    // Whole matches, and the code points between them.
    parts(text) {
      const parts: Part[] = []
      let end = 0
      const keep = (until?: number) => {
        for (const char of text.slice(end, until)) parts.push([char, char])
      }
      for (const [start, match] of matchesOf(pattern, text)) {
        keep(start)
        parts.push([match, content, true])
        end = start + match.length
      }
      keep()
      return parts
    },
  }
}
