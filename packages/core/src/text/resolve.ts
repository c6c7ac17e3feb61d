import { TokenizerError } from '../base/errors'
import { isJsonObject, type Json, type JsonObject } from '../base/pretrained-config'
import { tokenizerClass } from './classes/class-names'
import { bosEos } from './classes/post-processors'
import type { Switches, Vocabulary } from './classes/pipelines'
import { SIGLIP, type TokenDefaults, type TokenizerClass } from './classes/classes'
import { type AddedToken, addedTokens, AddedVocabulary, type BaseVocabulary } from './engine/added-tokens'
import { Engine, type TextEngine } from './engine/engine'
import { SiglipEngine } from './engine/siglip'
import { NORMAL, readSentencePiece, USER_DEFINED } from './sentencepiece'
import type { SlowFiles } from './slow-files'
import { tokenSettings, type TokenFiles, type TokenSettings } from './special-tokens'

/** A tokenizer whose settings are resolved. */
export interface Resolved {
  /** What `savePretrained` writes as `tokenizer.json`, and the engine runs. */
  readonly tokenizer: JsonObject
  /** SigLIP's SentencePiece file, which then stands for `tokenizer.json`. */
  readonly sentencePiece?: Uint8Array
  readonly engine: TextEngine
  /** `tokenizer_config.json`, resolved. */
  readonly config: JsonObject
  readonly type: TokenDefaults | undefined
  readonly tokens: TokenSettings['named']
}

/**
 * Resolves what the files of a tokenizer say as transformers 5 does. A class that rebuilds its pipeline takes from
 * `tokenizer.json` only the vocabulary, the charsmap, the added tokens and what of the post-processor it has none of;
 * everything else is what the config says, or the class's default. Other classes are their `tokenizer.json`.
 */
export function resolve(files: TokenFiles, className: string | undefined, slow?: SlowFiles): Resolved {
  const type = slow?.type ?? tokenizerClass(className)
  const defaults = type ?? (className === SIGLIP.name ? SIGLIP : undefined)
  const tokens = tokenSettings(slow?.extra ? { ...files, extra: slow.extra } : files, defaults)
  const json = isJsonObject(files.tokenizer) ? files.tokenizer : undefined
  const { named } = tokens
  const config: Record<string, Json | undefined> = { ...tokens.config, ...(type && { tokenizer_class: type.name }) }
  const done = (tokenizer: JsonObject): Resolved => ({
    tokenizer,
    engine: new Engine(tokenizer, config.split_special_tokens === true),
    config,
    type: defaults,
    tokens: named,
  })
  if (!type) {
    const file = json ?? {}
    const added = new AddedVocabulary(vocabularyOf(file.model)).add(addedTokens(file.added_tokens)).add(tokens.added)
    const processor = file.post_processor ?? bosEos(switchesOf(tokens), (token) => added.idOf(token))
    return done({ ...file, added_tokens: listed(added), post_processor: processor })
  }
  const switches = switchesOf(tokens)
  const pipeline = type.pipeline(slow?.vocabulary(switches.token) ?? vocabularyIn(json, type), switches)
  const added = new AddedVocabulary(vocabularyOf(pipeline.model)).add(tokens.added)
  const idOf = (token: string) => added.idOf(token)
  const file = isJsonObject(json?.post_processor) ? json.post_processor : undefined
  const processor = type.postProcessor?.(switches, idOf, file) ?? file ?? bosEos(switches, idOf)
  return done({
    version: '1.0',
    truncation: json?.truncation ?? null,
    padding: json?.padding ?? null,
    added_tokens: listed(added),
    ...pipeline,
    post_processor: processor,
  })
}

const IN_TEXTS: readonly number[] = [NORMAL, USER_DEFINED]

/** SigLIP's tokenizer, of `spiece.model`. Added tokens without an id get the next ones. */
export function resolveSiglip(files: TokenFiles, sentencePiece: Uint8Array): Resolved {
  const tokens = tokenSettings(files, SIGLIP)
  const { pieces, ...model } = readSentencePiece(sentencePiece)
  const switches = switchesOf(tokens)
  const added = new Map(tokens.known)
  const known = new Set([...added.values()].map(({ content }) => content))
  let next = Math.max(pieces.length, ...[...added.keys()].map((id) => id + 1))
  for (const token of tokens.added) {
    if (known.has(token.content)) continue
    known.add(token.content)
    const id = pieces.findIndex((piece) => piece.token === token.content)
    added.set(id < 0 ? next++ : id, token)
  }
  const engine = new SiglipEngine({
    ...model,
    pieces: pieces.map(({ token, score, type }) => ({ token, score, isText: IN_TEXTS.includes(type) })),
    added,
    special: new Set([...tokens.named.values(), ...tokens.extra].map(({ content }) => content)),
    unkToken: switches.token('unk_token'),
    eosToken: switches.token('eos_token'),
    lowers: switches.is('do_lower_case', true),
    splitsSpecial: switches.is('split_special_tokens', false),
  })
  const config = { ...tokens.config, tokenizer_class: SIGLIP.name, added_tokens_decoder: decoderOf(added) }
  return { tokenizer: {}, sentencePiece, engine, config, type: SIGLIP, tokens: tokens.named }
}

const decoderOf = (added: ReadonlyMap<number, AddedToken>): JsonObject =>
  Object.fromEntries([...added].map(([id, token]) => [String(id), token as AddedToken & JsonObject]))

function switchesOf({ config, named }: TokenSettings): Switches {
  return {
    is: (name, otherwise) => (typeof config[name] === 'boolean' ? config[name] : otherwise),
    raw: (name) => config[name],
    token: (name) => named.get(name)?.content ?? '',
  }
}

const listed = ({ tokens }: AddedVocabulary): JsonObject[] =>
  [...tokens].sort(([a], [b]) => a - b).map(([id, token]) => ({ id, ...(token as AddedToken & JsonObject) }))

/** The vocabulary of a model of tokenizer.json, without making a map of it. */
function vocabularyOf(model: unknown): BaseVocabulary {
  const vocab = isJsonObject(model) ? model.vocab : undefined
  if (Array.isArray(vocab)) {
    const pieces = vocab as unknown[]
    return {
      size: pieces.length,
      idOf(token) {
        const at = pieces.findLastIndex((piece) => Array.isArray(piece) && piece[0] === token)
        return at < 0 ? undefined : at
      },
    }
  }
  const ids = isJsonObject(vocab) ? vocab : {}
  return {
    size: Object.keys(ids).length,
    idOf: (token) => (Object.hasOwn(ids, token) && typeof ids[token] === 'number' ? ids[token] : undefined),
  }
}

/** The vocabulary in tokenizer.json, in the form of the class's model. */
function vocabularyIn(json: JsonObject | undefined, type: TokenizerClass): Vocabulary {
  const model = isJsonObject(json?.model) ? json.model : {}
  const { vocab, merges } = model
  const isList = Array.isArray(vocab)
  if (type.model === 'Unigram' ? !isList : !isJsonObject(vocab))
    throw new TokenizerError(
      'bad-tokenizer',
      `${type.name} needs a ${type.model} vocabulary, and tokenizer.json holds ${typeof model.type === 'string' ? `a ${model.type} model` : 'another'}. ` +
        'Set tokenizer_class in tokenizer_config.json to PreTrainedTokenizerFast to take tokenizer.json as it is.',
    )
  return { vocab, merges: merges ?? [], charsmap: charsmapOf(json?.normalizer) }
}

function charsmapOf(normalizer: unknown): string | undefined {
  if (!isJsonObject(normalizer)) return undefined
  const steps =
    normalizer.type === 'Sequence' && Array.isArray(normalizer.normalizers) ? normalizer.normalizers : [normalizer]
  for (const step of steps as unknown[])
    if (isJsonObject(step) && step.type === 'Precompiled' && typeof step.precompiled_charsmap === 'string')
      return step.precompiled_charsmap
  return undefined
}
