import { isJsonObject, type Json, type JsonObject } from '../base/pretrained-config'
import { type AddedToken, addedToken } from './engine/added-tokens'
import type { TokenDefaults } from './classes/classes'
import { TOKEN_NAMES } from './classes/token-names'

/** The files beside `tokenizer.json` that speak of special and added tokens. */
export interface TokenFiles {
  /** `tokenizer.json` */
  readonly tokenizer?: object | undefined
  /** `tokenizer_config.json` */
  readonly tokenizerConfig?: object | undefined
  /** `special_tokens_map.json` */
  readonly specialTokensMap?: object | undefined
  /** `added_tokens.json` */
  readonly addedTokens?: object | undefined
  /** Tokens of a slow tokenizer's own, in the place of the class's and of those that the config lacks. */
  readonly extra?: readonly AddedToken[]
}

/** What the files come to. */
export interface TokenSettings {
  /** `tokenizer_config.json`, with what `special_tokens_map.json` says in its place. */
  readonly config: JsonObject
  /** Tokens that have a name; undefined = this tokenizer has none of the kind. */
  readonly named: ReadonlyMap<string, AddedToken>
  /** Special tokens without a name. */
  readonly extra: readonly AddedToken[]
  /** Those that files give with ids, by these. */
  readonly known: ReadonlyMap<number, AddedToken>
  /** All that are added to the vocabulary, in the order in which they get their ids. */
  readonly added: readonly AddedToken[]
}

const objectOf = (file: object | undefined): JsonObject => (isJsonObject(file) ? file : {})

/** A token as a config writes it: a string, or an object with its content. */
function tokenOf(value: unknown, special: boolean): AddedToken | undefined {
  if (typeof value === 'string') return addedToken({ content: value, special })
  return isJsonObject(value) && typeof value.content === 'string'
    ? addedToken({ special, ...value } as Partial<AddedToken> & { content: string })
    : undefined
}

const isNamed = (key: string): boolean => (TOKEN_NAMES as readonly string[]).includes(key)

/**
 * Puts the files together as transformers' `_from_pretrained` does: `added_tokens_decoder` of the config stands for
 * the other files; without it `special_tokens_map.json` goes over the config, and `tokenizer.json` over
 * `added_tokens.json`.
 */
export function tokenSettings(files: TokenFiles, type: TokenDefaults | undefined): TokenSettings {
  const config: Record<string, Json | undefined> = { ...objectOf(files.tokenizerConfig) }
  const decoder = isJsonObject(config.added_tokens_decoder) ? config.added_tokens_decoder : undefined
  delete config.added_tokens_decoder
  // Where there is a tokenizer.json, it says what stands around a text.
  if (files.tokenizer) for (const key of ['add_bos_token', 'add_eos_token']) Reflect.deleteProperty(config, key)
  if (isEmpty(config.extra_special_tokens)) takeOlderName(config)
  // An object names tokens, and leaves the list to the older name. Names win over those that transformers 5 writes apart.
  const isOwn = (key: string, value: unknown) => key.endsWith('_token') && !isNamed(key) && tokenOf(value, true)
  const ownOf = (object: JsonObject) => Object.entries(object).filter(([key, value]) => isOwn(key, value))
  const own = new Map(ownOf(config))
  if (isJsonObject(config.extra_special_tokens)) {
    for (const [key, value] of Object.entries(config.extra_special_tokens)) own.set(key, value)
    delete config.extra_special_tokens
  }
  if (own.size === 0)
    for (const [key, value] of Object.entries(objectOf(config.model_specific_special_tokens as object | undefined)))
      own.set(key, value)
  delete config.model_specific_special_tokens
  const map = decoder ? {} : objectOf(files.specialTokensMap)
  for (const [key, value] of Object.entries(map))
    if (key !== 'extra_special_tokens') config[key] = value
    else if (isJsonObject(value)) {
      for (const [name, token] of Object.entries(value)) own.set(name, token)
      delete config[key]
    } else if (Array.isArray(value)) config[key] = [...arrayOf(config[key]), ...arrayOf(value).map(asSpecial)]
    else config[key] = value
  // The pieces of a SentencePiece file take the place of what the map calls additional.
  if (!files.extra && config.extra_special_tokens === undefined) takeOlderName(config)
  delete config.additional_special_tokens
  const extra: readonly AddedToken[] =
    config.extra_special_tokens === undefined && files.extra
      ? files.extra
      : listOf(config.extra_special_tokens ?? type?.extraTokens?.(config))
  const known = new Map<number, AddedToken>()
  const json = objectOf(files.tokenizer)
  if (decoder) for (const [id, token] of Object.entries(decoder)) put(known, Number(id), tokenOf(token, false))
  else {
    const special = new Set(
      [...TOKEN_NAMES.map((name) => tokenOf(config[name], true)), ...extra].map((t) => t?.content),
    )
    for (const [content, id] of Object.entries(objectOf(files.addedTokens)))
      put(known, Number(id), addedToken({ content, special: special.has(content) }))
    const list = json.added_tokens
    for (const token of Array.isArray(list) ? (list as Json[]) : [])
      if (isJsonObject(token)) put(known, Number(token.id), tokenOf(token, false))
  }
  const byContent = new Map([...known.values()].map((token) => [token.content, token]))
  const named = new Map<string, AddedToken>()
  const name = (key: string, value: unknown) => {
    const token = tokenOf(value, true)
    if (token) named.set(key, { ...(byContent.get(token.content) ?? token), special: true })
  }
  const padding = type ? undefined : objectOf(json.padding as object | undefined).pad_token
  for (const key of TOKEN_NAMES) {
    const otherwise = type?.tokens[key] ?? (key === 'pad_token' ? padding : undefined)
    name(key, config[key] === undefined ? otherwise : config[key])
  }
  for (const [key, value] of [...ownOf(map).filter(([key]) => !own.has(key)), ...own]) name(key, value)
  const specials = new Set([...named.values()].map(({ content }) => content))
  const added = [...known].sort(([a], [b]) => a - b).map(([, token]) => token)
  const all = added.map((token) => (specials.has(token.content) ? { ...token, special: true } : token))
  // One that comes again with other settings gets these.
  const given = new Set(all.map(({ content }) => content))
  for (const token of [...named.values(), ...extra])
    if (!given.has(token.content)) all.push(specials.has(token.content) ? { ...token, special: true } : token)
  if (type?.addsAgain) all.push(...named.values(), ...extra.map((token) => ({ ...token, special: true })))
  const unsaid = [...own].filter(([key]) => config[key] === undefined)
  if (unsaid.length > 0) {
    if (config.extra_special_tokens !== undefined) config.additional_special_tokens = config.extra_special_tokens
    config.extra_special_tokens = Object.fromEntries(unsaid)
  }
  return { config, named, extra, known, added: all }
}

/** transformers 5 calls `additional_special_tokens` `extra_special_tokens`. */
function takeOlderName(config: Record<string, Json | undefined>): void {
  if (config.additional_special_tokens === undefined) return
  config.extra_special_tokens = config.additional_special_tokens
  delete config.additional_special_tokens
}

const isEmpty = (tokens: Json | undefined): boolean => !tokens || Object.keys(tokens as object).length === 0
const arrayOf = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : [])
const asSpecial = (token: Json): Json => (isJsonObject(token) ? { ...token, special: true } : token)

/** As in Python, one that is written with its settings is special only where these say so. */
const listOf = (tokens: unknown): AddedToken[] =>
  Array.isArray(tokens) ? tokens.flatMap((token) => tokenOf(token, typeof token === 'string') ?? []) : []

function put(map: Map<number, AddedToken>, id: number, token: AddedToken | undefined): void {
  if (token && Number.isInteger(id)) map.set(id, token)
}
