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

function translated(source: string): string {
  let inside = false
  return source.replace(/\\p\{L\}|\\p\{N\}|\\[\s\S]|[[\]]/g, (token) => {
    if (token === '[') inside = true
    if (token === ']') inside = false
    const table = CLASSES[token]
    if (table) return inside ? charClass(table) : `[${charClass(table)}]`
    if (token === '\\d') return '\\p{Nd}'
    if (token === '\\S' && !inside) return `[^${charClass('whitespace')}]`
    // `u` allows escapes of syntax characters only.
    return /^\\[^\w\s^$\\.*+?()[\]{}|/-]$/u.test(token) ? token.slice(1) : token
  })
}
