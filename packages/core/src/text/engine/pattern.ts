import { badTokenizer, type Fields } from './json'
import { charClass, type Table } from './unicode'

const CLASSES: Readonly<Record<string, Table>> = {
  '\\s': 'whitespace',
  '\\w': 'word',
  '\\p{L}': 'letter',
  '\\p{N}': 'number',
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

/**
 * A pattern of tokenizer.json: `{ String }`, or `{ Regex }` in Oniguruma's syntax, whose classes of letters,
 * numbers and spaces become the pinned tables.
 */
export function patternOf(fields: Fields): RegExp {
  if (fields.has('String')) return new RegExp(escaped(fields.string('String')), 'gu')
  const source = fields.string('Regex')
  try {
    return new RegExp(translated(source), 'gu')
  } catch (cause) {
    throw badTokenizer(`${fields.where}.Regex is ${JSON.stringify(source)}, which cannot be run`, { cause })
  }
}

/** A run up to the end: looked for once, and not again from each of its characters. */
const RUN_TO_THE_END = /(?<!\\)( |\\s)\+(?=\\z|\$)/g

function translated(given: string): string {
  let inside = false
  const source = given.replace(RUN_TO_THE_END, '(?<!$1)$1+')
  return source.replace(/\\p\{L\}|\\p\{N\}|\\[\s\S]|[[\]]/g, (token) => {
    if (token === '[') inside = true
    if (token === ']') inside = false
    const table = CLASSES[token]
    if (table) return inside ? charClass(table) : `[${charClass(table)}]`
    if (token === '\\A' && !inside) return '^'
    if (token === '\\z' && !inside) return '$'
    if (token === '\\d') return '\\p{Nd}'
    if (token === '\\S' && !inside) return `[^${charClass('whitespace')}]`
    // `u` allows escapes of syntax characters only.
    return /^\\[^\w\s^$\\.*+?()[\]{}|/-]$/u.test(token) ? token.slice(1) : token
  })
}

/** `matchAll` without its copy of the pattern, which is compiled anew for each text. `pattern` is global. */
export function* matchesOf(pattern: RegExp, text: string): Generator<readonly [start: number, match: string]> {
  pattern.lastIndex = 0
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const next = pattern.lastIndex
    yield [found.index, found[0]]
    pattern.lastIndex = next === found.index ? next + 1 : next
  }
}
