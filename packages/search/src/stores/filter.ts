import { OptionError } from '@dual-encoder/core'

/** What a filter can be asked of: columns of a row. */
export type Columns = (name: string) => string | number | boolean | null
/** SQL's three truths: null where nothing can be said. */
type Truth = boolean | null
type Value = string | number | boolean | null
type Evaluate<T> = (columns: Columns) => T

const TOKEN =
  /\s*(?:(?<text>'(?:[^']|'')*')|(?<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)|(?<word>[a-z_]\w*)|(?<sign><=|>=|<>|!=|[=<>(),-]))/iy
const KEYWORDS = ['AND', 'OR', 'NOT', 'IN', 'IS', 'NULL', 'LIKE', 'BETWEEN', 'TRUE', 'FALSE']
const COMPARE: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

interface Token {
  readonly kind: 'text' | 'number' | 'name' | 'keyword' | 'sign' | 'end'
  readonly text: string
}

/**
 * A filter of SQL as a function: comparisons, `LIKE`, `IN`, `BETWEEN`, `IS NULL`, `AND`, `OR`, `NOT` and parentheses over columns, texts,
 * numbers, `TRUE` and `FALSE`, with SQL's meaning of NULL.
 * @param names of the columns that there are
 * @throws OptionError `bad-filter`
 */
export function filterOf(where: string, names: ReadonlySet<string>): (columns: Columns) => boolean {
  const parser = new Parser(where, names)
  const evaluate = parser.whole()
  return (columns) => evaluate(columns) === true
}

class Parser {
  readonly #where: string
  readonly #names: ReadonlySet<string>
  readonly #tokens: Token[] = []
  #at = 0

  constructor(where: string, names: ReadonlySet<string>) {
    this.#where = where
    this.#names = names
    for (let at = 0; where.slice(at).trim() !== ''; at = TOKEN.lastIndex) {
      TOKEN.lastIndex = at
      const groups = TOKEN.exec(where)?.groups
      if (!groups) throw this.#bad(`"${where.slice(at).trim()}" is not understood`)
      const { text, number, word, sign } = groups
      if (text !== undefined) this.#tokens.push({ kind: 'text', text: text.slice(1, -1).replaceAll("''", "'") })
      else if (number !== undefined) this.#tokens.push({ kind: 'number', text: number })
      else if (sign !== undefined) this.#tokens.push({ kind: 'sign', text: sign })
      else if (KEYWORDS.includes(word!.toUpperCase())) this.#tokens.push({ kind: 'keyword', text: word!.toUpperCase() })
      else this.#tokens.push({ kind: 'name', text: word! })
    }
  }

  whole(): Evaluate<Truth> {
    const evaluate = this.#or()
    if (this.#next.kind !== 'end') throw this.#bad(`"${this.#next.text}" was not expected`)
    return evaluate
  }

  #bad(why: string): OptionError {
    return new OptionError('bad-filter', `where is "${this.#where}", which an index in memory cannot answer: ${why}.`)
  }

  get #next(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: 'the end' }
  }

  /** Goes on where a keyword or sign is next. */
  #takes(text: string): boolean {
    const { kind, text: found } = this.#next
    if (!(kind === 'keyword' || kind === 'sign') || found !== text) return false
    this.#at++
    return true
  }

  #needs(text: string): void {
    if (!this.#takes(text)) throw this.#bad(`${text} was expected, not "${this.#next.text}"`)
  }

  #or(): Evaluate<Truth> {
    let left = this.#and()
    while (this.#takes('OR')) {
      const [a, b] = [left, this.#and()]
      left = (columns) => either(a(columns), b(columns))
    }
    return left
  }

  #and(): Evaluate<Truth> {
    let left = this.#not()
    while (this.#takes('AND')) {
      const [a, b] = [left, this.#not()]
      left = (columns) => both(a(columns), b(columns))
    }
    return left
  }

  #not(): Evaluate<Truth> {
    if (!this.#takes('NOT')) return this.#condition()
    const evaluate = this.#not()
    return (columns) => not(evaluate(columns))
  }

  #condition(): Evaluate<Truth> {
    if (this.#takes('(')) {
      const evaluate = this.#or()
      this.#needs(')')
      return evaluate
    }
    const value = this.#value()
    if (this.#takes('IS')) {
      const isNot = this.#takes('NOT')
      this.#needs('NULL')
      return (columns) => (value(columns) === null) !== isNot
    }
    const negated = this.#takes('NOT')
    const evaluate = this.#relation(value, negated)
    return negated ? (columns) => not(evaluate(columns)) : evaluate
  }

  #relation(value: Evaluate<Value>, negated: boolean): Evaluate<Truth> {
    if (this.#takes('LIKE')) {
      const pattern = this.#next
      if (pattern.kind !== 'text') throw this.#bad(`LIKE needs a text, not "${pattern.text}"`)
      this.#at++
      const is = likeOf(pattern.text)
      return (columns) => {
        const given = value(columns)
        return given === null ? null : is.test(String(given))
      }
    }
    if (this.#takes('IN')) {
      this.#needs('(')
      const list = [this.#value()]
      while (this.#takes(',')) list.push(this.#value())
      this.#needs(')')
      const equals = list.map((one) => this.#compare('=', value, one))
      return (columns) => equals.reduce<Truth>((found, isEqual) => either(found, isEqual(columns)), false)
    }
    if (this.#takes('BETWEEN')) {
      const isFrom = this.#compare('>=', value, this.#value())
      this.#needs('AND')
      const isTo = this.#compare('<=', value, this.#value())
      return (columns) => both(isFrom(columns), isTo(columns))
    }
    const { kind, text } = this.#next
    if (negated) throw this.#bad(`LIKE, IN or BETWEEN was expected after NOT, not "${text}"`)
    if (kind === 'sign' && text in COMPARE) {
      this.#at++
      return this.#compare(text, value, this.#value())
    }
    // A column of truths by itself.
    return (columns) => {
      const given = value(columns)
      if (given === null || typeof given === 'boolean') return given
      throw this.#bad(`${JSON.stringify(given)} is neither true nor false`)
    }
  }

  #compare(sign: string, a: Evaluate<Value>, b: Evaluate<Value>): Evaluate<Truth> {
    const is = COMPARE[sign]!
    return (columns) => {
      const [x, y] = [a(columns), b(columns)]
      if (x === null || y === null) return null
      if (typeof x !== typeof y) throw this.#bad(`${JSON.stringify(x)} and ${JSON.stringify(y)} cannot be compared`)
      return is(x === y ? 0 : typeof x === 'string' ? order(x, y as string) : Number(x) - Number(y))
    }
  }

  #value(): Evaluate<Value> {
    const { kind, text } = this.#next
    this.#at++
    if (kind === 'sign' && text === '-' && this.#next.kind === 'number') {
      const value = -Number(this.#tokens[this.#at++]!.text)
      return () => value
    }
    if (kind === 'text') return () => text
    if (kind === 'number') return () => Number(text)
    if (kind === 'keyword' && (text === 'TRUE' || text === 'FALSE')) return () => text === 'TRUE'
    if (kind === 'keyword' && text === 'NULL') return () => null
    if (kind !== 'name') throw this.#bad(`a column, a text or a number was expected, not "${text}"`)
    const name = text.toLowerCase()
    if (!this.#names.has(name)) throw this.#bad(`there is no column ${text}; there are ${[...this.#names].join(', ')}`)
    return (columns) => columns(name)
  }
}

const not = (a: Truth): Truth => (a === null ? null : !a)
const both = (a: Truth, b: Truth): Truth =>
  a === false || b === false ? false : a === null || b === null ? null : true
const either = (a: Truth, b: Truth): Truth => not(both(not(a), not(b)))

/** By code points, as bytes of UTF-8 are ordered. */
function order(a: string, b: string): number {
  const [x, y] = [[...a], [...b]]
  const at = x.findIndex((letter, i) => letter !== y[i])
  if (at < 0) return x.length - y.length
  return x[at]!.codePointAt(0)! - (y[at]?.codePointAt(0) ?? -1)
}

/** `%` is anything, `_` one letter; `\` takes both as they are. */
function likeOf(pattern: string): RegExp {
  const source = pattern.replace(/\\([%_\\])|[%_]|[$()*+./?[\\\]^{|}-]/gu, (found, escaped?: string) => {
    if (escaped !== undefined) return escaped === '\\' ? '\\\\' : escaped
    return found === '%' ? '.*' : found === '_' ? '.' : `\\${found}`
  })
  return new RegExp(`^${source}$`, 'su')
}
