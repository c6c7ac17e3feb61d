import { isJsonObject, type JsonObject } from '../../base/pretrained-config'
import { TokenizerError } from '../../base/errors'

/** Fields of tokenizer.json, checked as they are read. `where` names the object in errors. */
export class Fields {
  readonly #json: JsonObject
  constructor(
    json: unknown,
    readonly where: string,
  ) {
    if (!isJsonObject(json)) throw badTokenizer(`${where} is ${describe(json)}; an object is needed`)
    this.#json = json
  }

  get type(): string {
    return this.string('type')
  }

  has(name: string): boolean {
    return (this.#json[name] ?? undefined) !== undefined
  }

  raw(name: string): unknown {
    return this.#json[name]
  }

  at(name: string): Fields {
    return new Fields(this.#json[name], `${this.where}.${name}`)
  }

  string(name: string, otherwise?: string): string {
    return this.#read(name, 'string', otherwise) as string
  }

  number(name: string, otherwise?: number): number {
    return this.#read(name, 'number', otherwise) as number
  }

  boolean(name: string, otherwise?: boolean): boolean {
    return this.#read(name, 'boolean', otherwise) as boolean
  }

  list(name: string): unknown[] {
    const value = this.#json[name]
    if (!Array.isArray(value)) throw badTokenizer(`${this.where}.${name} is ${describe(value)}; a list is needed`)
    return value as unknown[]
  }

  objects(name: string): Fields[] {
    return this.list(name).map((item, i) => new Fields(item, `${this.where}.${name}[${i}]`))
  }

  entries(name: string): [string, unknown][] {
    const value = this.#json[name]
    if (!isJsonObject(value)) throw badTokenizer(`${this.where}.${name} is ${describe(value)}; an object is needed`)
    return Object.entries(value)
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], otherwise?: T): T {
    const value = this.string(name, otherwise)
    if (allowed.includes(value as T)) return value as T
    throw badTokenizer(`${this.where}.${name} is "${value}". Should be one of: ${allowed.join(', ')}`)
  }

  #read(name: string, type: string, otherwise: unknown): unknown {
    const value = this.#json[name] ?? otherwise
    if (typeof value === type && !Number.isNaN(value)) return value
    throw badTokenizer(`${this.where}.${name} is ${describe(value)}; a ${type} is needed`)
  }
}

export const badTokenizer = (what: string, options?: ErrorOptions): TokenizerError =>
  new TokenizerError('bad-tokenizer', `tokenizer.json cannot be used: ${what}.`, options)

const describe = (value: unknown): string =>
  value === undefined ? 'missing' : (JSON.stringify(value) ?? typeof value).slice(0, 60)

/** @throws TokenizerError: `where` names a type that is not run here. */
export function unsupported(where: string, type: string, allowed: readonly string[]): never {
  throw new TokenizerError(
    'unsupported-tokenizer',
    `tokenizer.json: ${where} has type "${type}". Should be one of: ${allowed.join(', ')}.`,
  )
}

/** An id: a whole number that fits in 32 bits. */
export function idOf(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value
  throw badTokenizer(`${where} is ${describe(value)}; an id is needed`)
}
