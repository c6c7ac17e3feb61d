import { ConfigError } from '../base/errors'
import { isJsonObject, type Json, type JsonObject } from '../base/pretrained-config'
import { openSource } from '../files/source'
import { type SourceLike, type SourceOptions, splitOptions } from '../files/types'
import { textTowerOf, visionTowerOf } from '../towers/registry'
import { BertConfig } from '../towers/text/bert.config'
import { ViTConfig } from '../towers/vision/vit.config'
import type { TextConfig, VisionConfig } from '../towers/tower'
import {
  ALTCLIP,
  CHINESE_CLIP,
  CLIP,
  DUAL_ENCODER,
  type Family,
  METACLIP_2,
  OPEN_CLIP,
  SIGLIP,
  wrongFamily,
} from './families'
import type { ProjectionForm } from './encoder'
import { readConfig } from './read-config'
import { presentConfig, towerConfigOf } from './tower-configs'
import { checkValues, override, type TowerOverrides } from './tower-values'

export interface DualEncoderConfigValues {
  projectionDim?: number
  logitScaleInitValue?: number
  /** Defaults of `forward`. */
  outputHiddenStates?: boolean
  outputAttentions?: boolean
  returnDict?: boolean
}

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

export interface ConfigParts extends DualEncoderConfigValues {
  visionConfig: VisionConfig
  textConfig: TextConfig
  extra?: Readonly<Record<string, Json>>
}

/** A family's config class. */
export interface DualEncoderConfigClass<C extends DualEncoderConfig = DualEncoderConfig> {
  new (values: ConfigParts): C
  readonly family: Family
  readonly modelType: string
  fromJSON(json: JsonObject): C
  fromPretrained(source: SourceLike, options?: SourceOptions & ConfigOverrides & { config?: C }): Promise<C>
}

/** Two towers' configs and the space they share: what transformers' configs of whole models hold. */
export abstract class DualEncoderConfig {
  readonly visionConfig: VisionConfig
  readonly textConfig: TextConfig
  /** Size of the shared space. */
  readonly projectionDim: number
  readonly logitScaleInitValue: number
  readonly outputHiddenStates: boolean
  readonly outputAttentions: boolean
  readonly returnDict: boolean
  /** Keys of `config.json` that we do not know, written back as they came. */
  readonly extra: Readonly<Record<string, Json>>

  constructor(values: ConfigParts) {
    const { visionConfig, textConfig } = values
    const { projected, logitScaleInitValue } = this.family
    this.visionConfig = checkValues(visionConfig)
    this.textConfig = checkValues(textConfig)
    this.projectionDim = projected ? (values.projectionDim ?? 512) : sharedSize(visionConfig, textConfig)
    this.logitScaleInitValue = values.logitScaleInitValue ?? logitScaleInitValue
    this.outputHiddenStates = values.outputHiddenStates ?? false
    this.outputAttentions = values.outputAttentions ?? false
    this.returnDict = values.returnDict ?? true
    this.extra = { ...values.extra }
    if (!Number.isInteger(this.projectionDim) || this.projectionDim < 1)
      throw new ConfigError(
        'bad-config-value',
        `projection_dim is ${this.projectionDim}; it must be a positive integer.`,
      )
    if (!Number.isFinite(this.logitScaleInitValue))
      throw new ConfigError(
        'bad-config-value',
        `logit_scale_init_value is ${this.logitScaleInitValue}; it must be a number.`,
      )
  }

  static get modelType(): string {
    return (this as unknown as DualEncoderConfigClass).family.modelType
  }

  get family(): Family {
    return (this.constructor as unknown as DualEncoderConfigClass).family
  }

  get modelType(): string {
    return this.family.modelType
  }

  /** What lies between each tower and the shared space. */
  get projections(): { readonly vision: ProjectionForm; readonly text: ProjectionForm } {
    const form = this.family.projected ? 'linear' : 'none'
    return { vision: form, text: form }
  }

  /** Whether a learned number is added to the logits. */
  get logitBias(): boolean {
    return this.family.logitBias
  }

  /** What it was trained with. */
  get loss(): Family['loss'] {
    return this.family.loss
  }

  /** @throws ConfigError for another kind of model, an unsupported tower or a tower config that is no object. */
  static fromJSON<C extends DualEncoderConfig>(this: new (values: ConfigParts) => C, json: JsonObject): C {
    const { family } = this as DualEncoderConfigClass<C>
    const present = presentConfig(json)
    const { model_type: modelType, vision_config: _vision, text_config: _text, ...rest } = present
    if (modelType !== undefined && modelType !== family.modelType) throw wrongFamily(family, String(modelType))
    const {
      output_hidden_states: outputHiddenStates,
      output_attentions: outputAttentions,
      return_dict: returnDict,
      vision_config_dict: _,
      text_config_dict: __,
      ...others
    } = rest
    const { projection_dim: projectionDim, logit_scale_init_value: logitScaleInitValue, ...unknown } = others
    const whole = { ...present, model_type: family.modelType, ...partsOf(present, family) }
    const [visionJson, textJson] = [towerConfigOf(whole, 'vision'), towerConfigOf(whole, 'text')]
    return new this({
      visionConfig: visionTowerOf(visionJson.model_type).config.fromJSON(visionJson),
      textConfig: textTowerOf(textJson.model_type).config.fromJSON(textJson),
      ...(family.projected && {
        projectionDim: projectionDim as number | undefined,
        logitScaleInitValue: logitScaleInitValue as number | undefined,
      }),
      outputHiddenStates: outputHiddenStates === true,
      outputAttentions: outputAttentions === true,
      returnDict: returnDict !== false,
      extra: (family.projected ? unknown : others) as Record<string, Json>,
    })
  }

  /** Reads `config.json`; `config` stands in for it, other values override it. */
  static async fromPretrained<C extends DualEncoderConfig>(
    this: new (values: ConfigParts) => C,
    source: SourceLike,
    options: SourceOptions & ConfigOverrides & { config?: C } = {},
  ): Promise<C> {
    const type = this as DualEncoderConfigClass<C>
    const { source: sourceOptions, rest } = splitOptions(options)
    const { config, ...overrides } = rest
    if (config) return checkConfig(type, config).with(overrides)
    return type.fromJSON(await readConfig(await openSource(source, sourceOptions))).with(overrides)
  }

  /** A copy with some values replaced. */
  with({ vision, text, ...values }: ConfigOverrides): this {
    const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
    const { projectionDim } = given
    const type = this.constructor as unknown as DualEncoderConfigClass<this>
    if (!this.family.projected && projectionDim !== undefined && projectionDim !== this.projectionDim)
      throw new ConfigError(
        'bad-config-value',
        `projectionDim ${String(projectionDim)} was given; a ${this.modelType} has no projection, and its towers end in ${this.projectionDim} values.`,
      )
    return new type({
      ...this,
      ...given,
      visionConfig: vision ? override(this.visionConfig, vision) : this.visionConfig,
      textConfig: text ? override(this.textConfig, text) : this.textConfig,
    })
  }

  /** As Python reads it. */
  toJSON(): JsonObject {
    const { projected, modelClass } = this.family
    return {
      architectures: [modelClass],
      ...this.extra,
      model_type: this.modelType,
      ...(projected && { projection_dim: this.projectionDim, logit_scale_init_value: this.logitScaleInitValue }),
      ...(this.outputHiddenStates ? { output_hidden_states: true } : {}),
      ...(this.outputAttentions ? { output_attentions: true } : {}),
      ...(this.returnDict ? {} : { return_dict: false }),
      text_config: this.textConfig.toJSON(),
      vision_config: this.visionConfig.toJSON(),
    }
  }
}

/** Where a config holds no part for a tower, that tower has its defaults: in a pair those of ViT and BERT. */
function partsOf(json: JsonObject, { modelType, towers }: Family): JsonObject {
  if (towers) return { vision_config: json.vision_config ?? {}, text_config: json.text_config ?? {} }
  const part = (key: 'vision_config' | 'text_config', model_type: string) => {
    const given = json[key] ?? {}
    if (isJsonObject(given)) return { model_type, ...given }
    throw new ConfigError(
      'bad-tower-config',
      `${key} of a ${modelType} config is ${JSON.stringify(given).slice(0, 60)}; an object is needed, or nothing for a ${model_type}.`,
    )
  }
  return { vision_config: part('vision_config', 'vit'), text_config: part('text_config', 'bert') }
}

/** @throws ConfigError where it is plain JSON, or another family's. */
export function checkConfig<C extends DualEncoderConfig>(type: DualEncoderConfigClass<C>, config: C): C {
  const name = type.family.modelClass.replace(/Model$/, 'Config')
  if (typeof (config as Partial<DualEncoderConfig>).with !== 'function')
    throw new ConfigError(
      'bad-config',
      `config must be a ${name}. ${name}.fromJSON makes one of the object in a config.json, and ${name}.fromPretrained of a folder.`,
    )
  if (config.modelType !== type.modelType)
    throw new ConfigError(
      'wrong-model-type',
      `config is of model type "${config.modelType}"; a ${name} ("${type.modelType}") is needed.`,
    )
  return config
}

type Ended = { readonly hiddenSize: number; readonly projectionSize?: number }

/** The size that both towers end in, where no projection brings them together. */
function sharedSize(vision: VisionConfig, text: TextConfig & Partial<Ended>): number {
  const size = text.projectionSize ?? text.hiddenSize
  if (size !== vision.hiddenSize)
    throw new ConfigError(
      'bad-config-value',
      `The vision tower ends in ${vision.hiddenSize} values and the text tower in ${size} (projection_size): both must be equal.`,
    )
  return size
}

/** transformers' `VisionTextDualEncoderConfig`. */
export class VisionTextDualEncoderConfig extends DualEncoderConfig {
  static readonly family = DUAL_ENCODER

  /** A tower that is left out is a ViT or a BERT, as in transformers 5.24. */
  constructor({ visionConfig = new ViTConfig(), textConfig = new BertConfig(), ...values }: Partial<ConfigParts> = {}) {
    super({ ...values, visionConfig, textConfig })
  }

  static fromVisionTextConfigs(
    visionConfig: VisionConfig,
    textConfig: TextConfig,
    values: DualEncoderConfigValues = {},
  ): VisionTextDualEncoderConfig {
    return new VisionTextDualEncoderConfig({ ...values, visionConfig, textConfig })
  }
}

/** transformers' `CLIPConfig`. */
export class CLIPConfig extends DualEncoderConfig {
  static readonly family = CLIP
}

/** transformers' `SiglipConfig`. */
export class SiglipConfig extends DualEncoderConfig {
  static readonly family = SIGLIP
}

/** transformers' `ChineseCLIPConfig`. */
export class ChineseCLIPConfig extends DualEncoderConfig {
  static readonly family = CHINESE_CLIP
}

/** transformers' `MetaClip2Config`. */
export class MetaClip2Config extends DualEncoderConfig {
  static readonly family = METACLIP_2
}

/** transformers' `AltCLIPConfig`. */
export class AltCLIPConfig extends DualEncoderConfig {
  static readonly family = ALTCLIP
}

/** What `open_clip_config.json` says of a model that no class of transformers computes, by transformers' names. */
export class OpenCLIPConfig extends DualEncoderConfig {
  static readonly family = OPEN_CLIP

  override get projections(): DualEncoderConfig['projections'] {
    const { vision_projection: vision = 'linear', text_projection: text = 'linear' } = this.extra
    return { vision: vision as ProjectionForm, text: text as ProjectionForm }
  }

  override get logitBias(): boolean {
    return this.extra.logit_bias === true
  }

  /** SigLIP's loss is what adds a number to the logits. */
  override get loss(): Family['loss'] {
    return this.logitBias ? 'siglip' : 'clip'
  }
}

/** The config class of a `model_type`, where that is a whole model's. */
export const configClassOf = (modelType: unknown): DualEncoderConfigClass | undefined =>
  [
    VisionTextDualEncoderConfig,
    CLIPConfig,
    SiglipConfig,
    ChineseCLIPConfig,
    MetaClip2Config,
    AltCLIPConfig,
    OpenCLIPConfig,
  ].find((type) => type.modelType === modelType)
