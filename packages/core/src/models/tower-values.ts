import { ConfigError } from '../base/errors'
import { snakeCase } from '../base/names'
import type { PretrainedConfig } from '../base/pretrained-config'
import type { TextConfig, VisionConfig } from '../towers/tower'

/** Values of a tower's config, or a whole config of the same model type. */
export type TowerOverrides = Readonly<Record<string, unknown>> | PretrainedConfig

/** A copy of a tower's config with some values replaced. @throws ConfigError for a value it does not have. */
export function override<C extends VisionConfig | TextConfig>(config: C, values: TowerOverrides): C {
  const type = config.constructor as new (values: object) => C
  const { modelType, ...current } = { ...config }
  const { modelType: given = modelType, extra, ...rest } = { ...values } as Partial<PretrainedConfig>
  if (given !== modelType)
    throw new ConfigError(
      'wrong-model-type',
      `A config of model type "${given}" was given for a tower of model type "${modelType}".`,
    )
  return checkValues(new type({ ...current, ...rest, extra: { ...config.extra, ...extra } }))
}

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 0
const isSize = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 2 && value.every(isCount) : isCount(value)

/** What a value must be for the weights' shapes and the computation to mean anything. */
const CHECKS: Readonly<Record<string, readonly [is: (value: unknown) => boolean, needed: string]>> = {
  numHiddenLayers: [(value) => value === 0 || isCount(value), 'a whole number'],
  intermediateSize: [isCount, 'a positive integer'],
  numChannels: [isCount, 'a positive integer'],
  vocabSize: [isCount, 'a positive integer'],
  maxPositionEmbeddings: [isCount, 'a positive integer'],
  // DeBERTa has no token types.
  typeVocabSize: [(value) => value === 0 || isCount(value), 'a whole number'],
  imageSize: [isSize, 'a positive integer, or [height, width]'],
  patchSize: [isSize, 'a positive integer, or [height, width]'],
  layerNormEps: [Number.isFinite, 'a number'],
  pooling: [
    (value) => value == null || value === 'cls' || value === 'mean' || value === 'max',
    '"cls", "mean" or "max"',
  ],
}

/** Whether a value can stand where its default is: of a word in place of a number all that follows would be NaN. */
const isAlike = (value: unknown, otherwise: unknown): boolean =>
  typeof otherwise === 'number'
    ? typeof value !== 'string' && (!Array.isArray(value) || value.every((one) => isAlike(one, otherwise)))
    : !Array.isArray(otherwise) ||
      value == null ||
      (Array.isArray(value) && value.every((one) => isAlike(one, otherwise[0])))

export function checkValues<C extends VisionConfig | TextConfig>(config: C): C {
  const { modelType, hiddenSize, numAttentionHeads: heads = 1 } = config as C & { readonly numAttentionHeads?: number }
  if (![hiddenSize, heads].every(isCount) || hiddenSize % heads !== 0)
    throw new ConfigError(
      'bad-config-value',
      `${modelType} config: hidden_size ${hiddenSize} must be a multiple of num_attention_heads ${heads}, both positive integers.`,
    )
  const values = config as unknown as Readonly<Record<string, unknown>>
  for (const [name, [is, needed]] of Object.entries(CHECKS)) {
    const value = values[name]
    if (name in config && !is(value))
      throw new ConfigError(
        'bad-config-value',
        `${modelType} config: ${snakeCase(name)} is ${JSON.stringify(value)}; it must be ${needed}.`,
      )
  }
  const { defaults = {} } = config.constructor as { readonly defaults?: object }
  for (const [name, otherwise] of Object.entries(defaults)) {
    const value = values[name]
    if (value !== undefined && !isAlike(value, otherwise))
      throw new ConfigError(
        'bad-config-value',
        `${modelType} config: ${snakeCase(name)} is ${JSON.stringify(value)}; it must be ${Array.isArray(otherwise) ? 'a list, of numbers where the default is one,' : 'a number,'} as the default ${JSON.stringify(otherwise)} is.`,
      )
  }
  return config
}
