import { ConfigError } from './errors'
import { snakeCase } from './names'

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * A config with typed values (camelCase) and the keys of `config.json` that we do not know, kept as
 * they came and written back. As transformers' `PretrainedConfig`.
 */
export abstract class PretrainedConfig {
  abstract readonly modelType: string
  /** Keys of `config.json` beyond the typed ones, by their names on disk. */
  extra: Record<string, Json> = {}

  /** snake_case, `model_type` first, as Python reads it. */
  toJSON(): JsonObject {
    const json: Record<string, Json> = { model_type: this.modelType }
    const { names } = this.constructor as Partial<Pick<ConfigClass<object, string>, 'names'>>
    for (const [key, value] of Object.entries(this)) {
      if (key === 'extra' || key === 'modelType' || value === undefined) continue
      json[names?.[key] ?? snakeCase(key)] = value as Json
    }
    return { ...this.extra, ...json }
  }
}

/** Defaults with some changed, in a call that bundlers may leave out, as they may not leave out `...`. */
export const derived = <A extends object, B extends object>(defaults: A, changes: B): Omit<A, keyof B> & B => ({
  ...defaults,
  ...changes,
})

type ConfigClass<D, M extends string> = {
  new (values?: Partial<D> & { extra?: Record<string, Json> }): PretrainedConfig & D & { readonly modelType: M }
  readonly modelType: M
  readonly defaults: Readonly<D>
  /** Values that `config.json` names otherwise (transformers' `attribute_map`): `hiddenSize` is DistilBERT's `dim`. */
  readonly names: Readonly<Record<string, string>>
  /** From the object in `config.json`; values it lacks take the defaults. */
  fromJSON<C>(this: new (values: Partial<D> & { extra?: Record<string, Json> }) => C, json: JsonObject): C
}

/**
 * A config class from one table of transformers' defaults:
 * `class ViTConfig extends configClass('vit', { hiddenSize: 768 }) {}`.
 * The constructor takes any of the values in camelCase; `fromJSON` takes a `config.json`.
 */
export function configClass<D extends object, M extends string>(
  modelType: M,
  defaults: D,
  names: Partial<Record<keyof D, string>> = {},
): ConfigClass<D, M> {
  class Config extends PretrainedConfig {
    static readonly modelType = modelType
    static readonly defaults = defaults
    static readonly names = names
    readonly modelType = modelType

    constructor(values: Partial<D> & { extra?: Record<string, Json> } = {}) {
      super()
      for (const key of Object.keys(values)) {
        if (key !== 'extra' && !Object.hasOwn(defaults, key))
          throw new ConfigError(
            'unknown-config-value',
            `${modelType} config: unknown value "${key}" (probably a typo). Allowed: ${Object.keys(defaults).join(', ')};` +
              ' other keys of config.json go under "extra".',
          )
      }
      const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
      Object.assign(this, structuredClone(defaults), given)
      this.extra = { ...values.extra }
    }

    static fromJSON(json: JsonObject): unknown {
      const bySnake = new Map(Object.keys(defaults).map((key) => [snakeCase(key), key]))
      for (const [key, name] of Object.entries(names)) bySnake.set(name as string, key)
      const values: Record<string, unknown> = {}
      const extra: [name: string, value: Json][] = []
      for (const [name, value] of Object.entries(json)) {
        if (value === undefined || name === 'model_type') continue
        const key = bySnake.get(name)
        if (key) values[key] = value
        else extra.push([name, value])
      }
      // Not by assignment: a key may be called `__proto__`.
      return new this({ ...(values as Partial<D>), extra: Object.fromEntries(extra) })
    }
  }
  return Config as unknown as ConfigClass<D, M>
}
