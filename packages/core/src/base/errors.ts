import { describe } from './describe'

/**
 * One error family. `code` is stable and meant for programs; the message says what was given,
 * what is allowed and what to do. `instanceof` works across the ESM and CJS copies of a package:
 * it reads a brand, not the prototype.
 */
const BRAND: unique symbol = Symbol.for('dual-encoder.error')

/** The page with a heading for every code, below package.json's `homepage`. */
const DOCS = 'https://dual-encoder.github.io/dual-encoder/errors.html'

/** A picture in base64 or a file's content is not for a message, wherever it was given. */
const readable = (message: string): string =>
  message.length < LONGEST
    ? message
    : message
        .split(/([\s"'])/)
        .map((run) => (run.length < LONGEST ? run : `${run.slice(0, 80)}... (${run.length} characters)`))
        .join('')
const LONGEST = 400

export class DualEncoderError extends Error {
  static readonly kind: string = 'DualEncoderError'
  readonly code: string
  /** The kinds of this error, most general first: what `instanceof` compares. */
  readonly [BRAND]: readonly string[]

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(readable(message), options)
    this.code = code
    const kinds: string[] = []
    for (
      let type = new.target as typeof DualEncoderError | null;
      type?.kind;
      type = Object.getPrototypeOf(type) as typeof DualEncoderError | null
    ) {
      kinds.unshift(type.kind)
    }
    this[BRAND] = kinds
    this.name = kinds.at(-1) ?? 'DualEncoderError'
  }

  /** Where the documentation's site explains this code: an address. */
  get docs(): string {
    return `${DOCS}#${this.code}`
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const kinds = (value as { [BRAND]?: readonly string[] } | null | undefined)?.[BRAND]
    return Array.isArray(kinds) && kinds.includes(this.kind)
  }
}

/** A config value, model type or combination that cannot be run. */
export class ConfigError extends DualEncoderError {
  static override readonly kind: string = 'ConfigError'
}

/** An option of a call that does not exist or does not fit. */
export class OptionError extends DualEncoderError {
  static override readonly kind: string = 'OptionError'
}

/** A checkpoint that is damaged, lies about itself, or lacks or exceeds what the model needs. */
export class CheckpointError extends DualEncoderError {
  static override readonly kind: string = 'CheckpointError'
}

/** A file, folder or URL that cannot be read or written. */
export class SourceError extends DualEncoderError {
  static override readonly kind: string = 'SourceError'
}

/** Inputs of a model call whose shapes, types or values do not fit. */
export class InputError extends DualEncoderError {
  static override readonly kind: string = 'InputError'
}

/** An image that cannot be decoded or prepared. */
export class ImageError extends DualEncoderError {
  static override readonly kind: string = 'ImageError'
}

/** Text that cannot be tokenised, or a tokenizer file that cannot be used. */
export class TokenizerError extends DualEncoderError {
  static override readonly kind: string = 'TokenizerError'
}

/** The engine below (ONNX Runtime, TensorFlow.js, WebGPU) refused or failed. */
export class BackendError extends DualEncoderError {
  static override readonly kind: string = 'BackendError'
}

const isFunction = (value: unknown): boolean => typeof value === 'function'

/** Options that mean the same in every call, and what they have to be: `'false'` would count as true. */
const KINDS: readonly [names: RegExp, needed: string, is: (value: unknown) => boolean][] = [
  [
    /^(normalize|train|training|localFilesOnly|lowMemory|private|interpolatePosEncoding|isSplitIntoWords|output(Attentions|HiddenStates)|return(Loss|Tuple|Dict|.+Ids|.+Mask|.+Mapping)|(add|skip)SpecialTokens)$/,
    'true or false',
    (value) => typeof value === 'boolean',
  ],
  [
    /^do(ConvertRgb|Resize|CenterCrop|Rescale|Normalize|Pad)$/,
    'true, false or null',
    (value) => value === null || typeof value === 'boolean',
  ],
  [/^dropoutSeed$/, 'an integer', Number.isInteger],
  [/^retries$/, 'a whole number', (value) => Number.isInteger(value) && (value as number) >= 0],
  [/^timeout$/, 'a positive number of milliseconds', (value) => typeof value === 'number' && value > 0],
  [/^(revision|subfolder|cacheDir|message|card)$/, 'a string', (value) => typeof value === 'string'],
  [/^token$/, 'a string, or false for none', (value) => typeof value === 'string' || value === false],
  [/^endpoint$/, 'a URL', (value) => typeof value === 'string' || value instanceof URL],
  [
    /^signal$/,
    'an AbortSignal (the `signal` of an AbortController)',
    (value) => isFunction((value as AbortSignal | null)?.throwIfAborted),
  ],
  [/^(fetch|onProgress|onWarning)$/, 'a function', isFunction],
]

/**
 * @throws OptionError for options that are no object, for keys outside `allowed`, and for a flag, signal or function
 * that is something else
 */
export function checkOptions(options: object, allowed: readonly string[], where: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new OptionError(
      'bad-options',
      `${where}: ${describe(options)} was given as options. Give an object of: ${allowed.join(', ')}.`,
    )
  const unknown = Object.keys(options).filter((key) => !allowed.includes(key))
  if (unknown.length > 0)
    throw new OptionError(
      'unknown-option',
      `${where}: unknown option${unknown.length > 1 ? 's' : ''} ${unknown.map((key) => `"${key}"`).join(', ')}` +
        ` (probably a typo). Allowed: ${allowed.join(', ')}.`,
    )
  for (const [name, value] of Object.entries(options as Record<string, unknown>)) {
    const kind = KINDS.find(([names]) => names.test(name))
    if (value === undefined || !kind || kind[2](value)) continue
    throw new OptionError('bad-option', `${where}: ${name} is ${describe(value)}; ${kind[1]} is needed.`)
  }
}

/** Two lists as `- only here` / `+ only there`, cut after `limit` lines each. */
export function bothSides(missing: readonly string[], unexpected: readonly string[], limit = 20): string {
  const side = (sign: string, names: readonly string[]) => [
    ...names.slice(0, limit).map((name) => `  ${sign} ${name}`),
    ...(names.length > limit ? [`  ${sign} … and ${names.length - limit} more`] : []),
  ]
  return [...side('-', missing), ...side('+', unexpected)].join('\n')
}
