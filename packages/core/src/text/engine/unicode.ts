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
  if (!frozen.test(text)) return text.normalize(form)
  return text
    .split(frozen)
    .map((part, i) => (i % 2 ? part : part.normalize(form)))
    .join('')
}
