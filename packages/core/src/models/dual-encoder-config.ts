import { ConfigError } from '../base/errors'
import { textTowerOf, visionTowerOf } from '../towers/registry'
import type { TextConfig, VisionConfig } from '../towers/tower'
import { openSource, readJson } from '../files/source'
import { type SourceLike, type SourceOptions, splitOptions } from '../files/types'
import { WHOLE_MODELS, settleConfig, visionConfigOf } from './hybrid-clip'
import { snakeCase } from '../base/names'
import { isJsonObject, type Json, type JsonObject, type PretrainedConfig } from '../base/pretrained-config'

export const MODEL_TYPE = 'vision-text-dual-encoder'

export interface DualEncoderConfigValues {
  projectionDim?: number
  logitScaleInitValue?: number
  /** Defaults of `forward`. */
  outputHiddenStates?: boolean
  outputAttentions?: boolean
  returnDict?: boolean
}

/** Values of a tower's config, or a whole config of the same model type. */
export type TowerOverrides = Readonly<Record<string, unknown>> | PretrainedConfig

/** Overrides of a config: its own values, and those of either tower. */
export interface ConfigOverrides extends DualEncoderConfigValues {
  vision?: TowerOverrides
  text?: TowerOverrides
}

export const OVERRIDES = [
  'projectionDim',
  'logitScaleInitValue',
  'outputHiddenStates',
  'outputAttentions',
  'returnDict',
  'vision',
  'text',
] as const satisfies readonly (keyof ConfigOverrides)[]

/** transformers' `VisionTextDualEncoderConfig`: two towers' configs and the space they share. */
export class VisionTextDualEncoderConfig {
  static readonly modelType = MODEL_TYPE
  readonly modelType = MODEL_TYPE
  readonly visionConfig: VisionConfig
  readonly textConfig: TextConfig
  readonly projectionDim: number
  readonly logitScaleInitValue: number
  readonly outputHiddenStates: boolean
  readonly outputAttentions: boolean
  readonly returnDict: boolean
  /** Keys of `config.json` that we do not know, written back as they came. */
  readonly extra: Readonly<Record<string, Json>>

  constructor(
    values: DualEncoderConfigValues & {
      visionConfig: VisionConfig
      textConfig: TextConfig
      extra?: Readonly<Record<string, Json>>
    },
  ) {
    const { visionConfig, textConfig, projectionDim = 512, logitScaleInitValue = 2.6592 } = values
    this.visionConfig = checkValues(visionConfig)
    this.textConfig = checkValues(textConfig)
    this.projectionDim = projectionDim
    this.logitScaleInitValue = logitScaleInitValue
    this.outputHiddenStates = values.outputHiddenStates ?? false
    this.outputAttentions = values.outputAttentions ?? false
    this.returnDict = values.returnDict ?? true
    this.extra = { ...values.extra }
    if (!Number.isInteger(projectionDim) || projectionDim < 1)
      throw new ConfigError('bad-config-value', `projection_dim is ${projectionDim}; it must be a positive integer.`)
    if (!Number.isFinite(logitScaleInitValue))
      throw new ConfigError(
        'bad-config-value',
        `logit_scale_init_value is ${logitScaleInitValue}; it must be a number.`,
      )
  }

  static fromVisionTextConfigs(
    visionConfig: VisionConfig,
    textConfig: TextConfig,
    values: DualEncoderConfigValues = {},
  ): VisionTextDualEncoderConfig {
    return new VisionTextDualEncoderConfig({ ...values, visionConfig, textConfig })
  }

  /** @throws ConfigError for another kind of model, an unsupported tower or a missing tower config. */
  static fromJSON(json: JsonObject): VisionTextDualEncoderConfig {
    const { model_type: modelType, vision_config: vision, text_config: text, ...rest } = settleConfig(json)
    if (modelType !== undefined && modelType !== MODEL_TYPE) throw wrongModelType(String(modelType))
    if (!isJsonObject(vision) || !isJsonObject(text))
      throw new ConfigError(
        'missing-tower-config',
        `A ${MODEL_TYPE} config needs vision_config and text_config; ` +
          `missing: ${[!isJsonObject(vision) && 'vision_config', !isJsonObject(text) && 'text_config'].filter(Boolean).join(' and ')}.`,
      )
    const {
      projection_dim: projectionDim,
      logit_scale_init_value: logitScaleInitValue,
      output_hidden_states: outputHiddenStates,
      output_attentions: outputAttentions,
      return_dict: returnDict,
      ...unknown
    } = rest
    // A whole CLIP's config may stand here, of which transformers takes the vision tower's.
    const visionJson = visionConfigOf(vision)
    return new VisionTextDualEncoderConfig({
      visionConfig: visionTowerOf(visionJson.model_type).config.fromJSON(visionJson),
      textConfig: textTowerOf(text.model_type).config.fromJSON(text),
      projectionDim: projectionDim as number | undefined,
      logitScaleInitValue: logitScaleInitValue as number | undefined,
      outputHiddenStates: outputHiddenStates === true,
      outputAttentions: outputAttentions === true,
      returnDict: returnDict !== false,
      extra: unknown as Record<string, Json>,
    })
  }

  /** Reads `config.json`; `config` stands in for it, other values override it. */
  static async fromPretrained(
    source: SourceLike,
    options: SourceOptions & ConfigOverrides & { config?: VisionTextDualEncoderConfig } = {},
  ): Promise<VisionTextDualEncoderConfig> {
    const { source: sourceOptions, rest } = splitOptions(options)
    const { config, ...overrides } = rest
    if (config) {
      if (typeof (config as Partial<VisionTextDualEncoderConfig>).with !== 'function')
        throw new ConfigError(
          'bad-config',
          'config must be a VisionTextDualEncoderConfig. VisionTextDualEncoderConfig.fromJSON makes one of the object in a ' +
            'config.json, and VisionTextDualEncoderConfig.fromPretrained of a folder.',
        )
      return config.with(overrides)
    }
    const opened = await openSource(source, sourceOptions)
    const json = await readJson(opened, 'config.json')
    if (!json) throw new ConfigError('no-config', `${opened.describe} holds no config.json.`)
    return VisionTextDualEncoderConfig.fromJSON(json).with(overrides)
  }

  /** A copy with some values replaced. */
  with({ vision, text, ...values }: ConfigOverrides): VisionTextDualEncoderConfig {
    const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
    return new VisionTextDualEncoderConfig({
      ...this,
      ...given,
      visionConfig: vision ? override(this.visionConfig, vision) : this.visionConfig,
      textConfig: text ? override(this.textConfig, text) : this.textConfig,
    })
  }

  /** As Python reads it. */
  toJSON(): JsonObject {
    return {
      architectures: ['VisionTextDualEncoderModel'],
      ...this.extra,
      model_type: MODEL_TYPE,
      projection_dim: this.projectionDim,
      logit_scale_init_value: this.logitScaleInitValue,
      ...(this.outputHiddenStates ? { output_hidden_states: true } : {}),
      ...(this.outputAttentions ? { output_attentions: true } : {}),
      ...(this.returnDict ? {} : { return_dict: false }),
      text_config: this.textConfig.toJSON(),
      vision_config: this.visionConfig.toJSON(),
    }
  }
}

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
  typeVocabSize: [isCount, 'a positive integer'],
  imageSize: [isSize, 'a positive integer, or [height, width]'],
  patchSize: [isSize, 'a positive integer, or [height, width]'],
  layerNormEps: [Number.isFinite, 'a number'],
  pooling: [
    (value) => value == null || value === 'cls' || value === 'mean' || value === 'max',
    '"cls", "mean" or "max"',
  ],
}

function checkValues<C extends VisionConfig | TextConfig>(config: C): C {
  const { modelType, hiddenSize, numAttentionHeads: heads } = config
  if (![hiddenSize, heads].every(isCount) || hiddenSize % heads !== 0)
    throw new ConfigError(
      'bad-config-value',
      `${modelType} config: hidden_size ${hiddenSize} must be a multiple of num_attention_heads ${heads}, both positive integers.`,
    )
  for (const [name, [is, needed]] of Object.entries(CHECKS)) {
    const value = (config as unknown as Record<string, unknown>)[name]
    if (name in config && !is(value))
      throw new ConfigError(
        'bad-config-value',
        `${modelType} config: ${snakeCase(name)} is ${JSON.stringify(value)}; it must be ${needed}.`,
      )
  }
  return config
}

function wrongModelType(modelType: string): ConfigError {
  const whole = WHOLE_MODELS.has(modelType)
  return new ConfigError(
    whole ? 'whole-model' : 'unsupported-model-type',
    `config.json is of model_type "${modelType}", not "${MODEL_TYPE}". ` +
      (whole
        ? 'Its vision tower can be taken by VisionTextDualEncoderModel.fromVisionTextPretrained(thisSource, textSource).'
        : 'A tower on its own is loaded by fromVisionTextPretrained(visionSource, textSource), VisionTower.fromPretrained or TextTower.fromPretrained.'),
  )
}
