import { openWeights, type WeightFormat } from '../weights/open'
import { loadFrom, readJson } from '../files/source'
import { type Source, SOURCE_OPTIONS, type SourceLike, type SourceOptions } from '../files/types'
import type { WeightEntry, Weights } from '../weights/entry'
import { type ConfigOverrides, override, type TowerOverrides, VisionTextDualEncoderConfig } from './dual-encoder-config'
import { settleConfig, visionConfigOf } from './hybrid-clip'
import { isJsonObject, type JsonObject } from '../base/pretrained-config'
import { CheckpointError, ConfigError } from '../base/errors'
import type { Param } from '../ops/ops'
import { encoderParams } from './parameters'
import { textTowerOf, visionTowerOf } from '../towers/registry'
import type { TextConfig, VisionConfig } from '../towers/tower'
import { printWarning, type WarningListener } from '../base/warnings'
import { ENCODER_NAMES, type EncoderSpec, type TextEncoderSpec, type VisionEncoderSpec } from './encoder'
import { memoryWeight, newWeight } from './initialize'
import { adviceOf, checkPooling, lacksPooler, sentencePooling } from './pooling'
import { checkWeights, dropIdlePooler, findPrefix, settleTowerNames } from './settle-names'
import { tensor } from '../base/tensor'

/** How weights are found and read. */
export interface CheckpointOptions extends SourceOptions {
  /** What the weights are stored as; by default what lies in the folder. */
  format?: WeightFormat
  /** Called instead of `console.warn`. */
  onWarning?: WarningListener
}

export const CHECKPOINT_OPTIONS = [...SOURCE_OPTIONS, 'onWarning', 'format'] as const

/** A model before a backend has it: config, both encoders, weights not yet read. */
export interface LoadedModel {
  readonly config: VisionTextDualEncoderConfig
  readonly vision: VisionEncoderSpec
  readonly text: TextEncoderSpec
  /** By the names of a dual encoder's checkpoint. */
  readonly weights: Weights
}

/** A tower before a backend has it. */
export interface LoadedTower<E extends EncoderSpec = EncoderSpec> {
  readonly encoder: E
  /** By the names they have in a dual encoder's checkpoint (`vision_model.*`, `text_model.*`). */
  readonly weights: Weights
}

const LOGIT_SCALE: Param = { name: 'logit_scale', shape: [], init: { kind: 'zeros' } }

/** transformers' projection takes `hidden_size` values, whatever the pooler gives, and fails where they differ. */
function checkPoolerSize(config: VisionConfig & { readonly poolerOutputSize?: number | null }): void {
  const { modelType, hiddenSize, pooling, poolerOutputSize: size } = config
  if (pooling || size == null || size === hiddenSize) return
  throw new ConfigError(
    'unsupported-config',
    `${modelType}: pooler_output_size is ${size} and hidden_size ${hiddenSize}. A dual encoder projects hidden_size ` +
      "values: both must be equal. Give vision: { pooling: 'cls' } to leave the pooler out; VisionTower takes any size.",
  )
}

async function encodersOf(
  config: VisionTextDualEncoderConfig,
): Promise<{ vision: VisionEncoderSpec; text: TextEncoderSpec }> {
  checkPoolerSize(config.visionConfig)
  const projection = { projectionDim: config.projectionDim, projectionStd: config.textConfig.initializerRange }
  const { visionConfig, textConfig } = config
  const [vision, text] = await Promise.all([
    visionTowerOf(visionConfig.modelType).load(),
    textTowerOf(textConfig.modelType).load(),
  ])
  const encoders = {
    vision: { kind: 'vision', tower: vision, config: visionConfig, ...projection },
    text: { kind: 'text', tower: text, config: textConfig, ...projection },
  } as const
  checkPooling(encoders.vision)
  checkPooling(encoders.text)
  return encoders
}

/** Every weight of a dual encoder, by its name. */
export function modelParams(encoders: { vision: VisionEncoderSpec; text: TextEncoderSpec }): Map<string, Param> {
  return new Map([[LOGIT_SCALE.name, LOGIT_SCALE], ...encoderParams(encoders.text), ...encoderParams(encoders.vision)])
}

const scalar = (entry: WeightEntry): WeightEntry =>
  entry.shape.length === 1 && entry.shape[0] === 1
    ? { ...entry, shape: [], read: async () => ({ ...(await entry.read()), dims: [] }) }
    : entry

/** Reads a dual encoder's folder: its config, and where its weights lie. */
export const loadModel = (
  source: SourceLike,
  options: CheckpointOptions & ConfigOverrides & { config?: VisionTextDualEncoderConfig },
): Promise<LoadedModel> => loadFrom(source, options, (opened) => loadModelFrom(opened, options))

async function loadModelFrom(opened: Source, options: Parameters<typeof loadModel>[1]): Promise<LoadedModel> {
  const { onWarning: _, format, ...configOptions } = options
  const config = await VisionTextDualEncoderConfig.fromPretrained(opened, configOptions)
  const encoders = await encodersOf(config)
  const expected = modelParams(encoders)
  const { weights, framework } = await openWeights(opened, format)
  const settled = new Map<string, WeightEntry>()
  for (const { kind, tower, config } of [encoders.vision, encoders.text]) {
    const prefix = `${ENCODER_NAMES[kind].tower}.`
    for (const [name, entry] of settleTowerNames(weights, tower, prefix, prefix, expected)) settled.set(name, entry)
    dropIdlePooler(settled, expected, prefix, config.pooling)
  }
  for (const [name, entry] of weights)
    if (!Object.values(ENCODER_NAMES).some(({ tower }) => name.startsWith(`${tower}.`)))
      settled.set(name, scalar(entry))
  checkWeights(settled, expected, opened.describe)
  if (framework === 'flax') {
    const { asFlaxComputes } = await import('./as-flax-computes')
    const placed = [encoders.vision, encoders.text].map((encoder) => ({
      encoder,
      prefix: `${ENCODER_NAMES[encoder.kind].tower}.`,
    }))
    asFlaxComputes(settled, placed, true)
  }
  return { config, ...encoders, weights: settled }
}

type TowerConfigOf = { vision: VisionConfig; text: TextConfig }

/** The tower's config inside a `config.json`: of a base model, of a whole CLIP, or of a dual encoder. */
function towerConfigJson(kind: 'vision' | 'text', json: JsonObject): JsonObject {
  const part = json[`${kind}_config`]
  if (json.model_type === VisionTextDualEncoderConfig.modelType && isJsonObject(part))
    return kind === 'vision' ? visionConfigOf(part) : part
  return kind === 'vision' ? visionConfigOf(json) : json
}

/**
 * Reads one tower as people have it: a base model, one with a task head (left aside and named in a
 * warning), a whole CLIP, SigLIP or ChineseCLIP, or a dual encoder.
 */
export const loadTower = <K extends 'vision' | 'text'>(
  kind: K,
  source: SourceLike,
  options: TowerOptions = {},
): Promise<LoadedTower<SpecOf<K>>> => loadFrom(source, options, (opened) => loadTowerFrom(kind, opened, options))

type TowerOptions = CheckpointOptions & { config?: TowerOverrides }
type SpecOf<K> = K extends 'vision' ? VisionEncoderSpec : TextEncoderSpec

async function loadTowerFrom<K extends 'vision' | 'text'>(
  kind: K,
  opened: Source,
  options: TowerOptions,
): Promise<LoadedTower<SpecOf<K>>> {
  const file = await readJson(opened, 'config.json')
  if (!file) throw new ConfigError('no-config', `${opened.describe} holds no config.json.`)
  const json = settleConfig(file)
  const towerJson = towerConfigJson(kind, json)
  const entry = kind === 'vision' ? visionTowerOf(towerJson.model_type) : textTowerOf(towerJson.model_type)
  const tower = await entry.load()
  const config = override(entry.config.fromJSON(towerJson) as TowerConfigOf[K], options.config ?? {})
  const encoder = { kind, tower, config } as unknown as SpecOf<K>
  const expected = encoderParams(encoder)
  const into = `${ENCODER_NAMES[kind].tower}.`
  const source = opened.inParts?.() ?? opened
  const { weights, framework } = await openWeights(source, options.format)
  const prefix = findPrefix(
    weights,
    tower,
    [...expected.keys()].map((name) => name.slice(into.length)),
  )
  const settled = settleTowerNames(weights, tower, prefix, into, expected)
  dropIdlePooler(settled, expected, into, config.pooling)
  // What is nearly all of its files is fetched as a whole, and kept.
  if (source !== opened && !(await isSmallPart(source, settled)))
    return loadTowerFrom(kind, { ...opened, inParts: undefined }, options)
  const aside = prefix === '' ? [] : [...weights.keys()].filter((name) => !name.startsWith(prefix))
  if (aside.length > 0)
    (options.onWarning ?? printWarning)({
      code: 'head-left-aside',
      message: `${opened.describe}: only the ${kind} tower "${prefix.slice(0, -1)}" is used; left aside: ${short(aside)}.`,
      names: aside,
    })
  const found = lacksPooler(encoder, settled, expected) ? await sentencePooling(opened) : undefined
  checkPooling(encoder, found)
  checkWeights(settled, expected, opened.describe, adviceOf(found))
  if (framework === 'flax') {
    const { asFlaxComputes } = await import('./as-flax-computes')
    asFlaxComputes(settled, [{ encoder, prefix: into }], json.model_type === VisionTextDualEncoderConfig.modelType)
  }
  return { encoder, weights: settled }
}

/** Whether these weights leave out more than a head of the files that they lie in. */
async function isSmallPart(source: Source, weights: Weights): Promise<boolean> {
  const files = new Map<string, number>()
  let needed = 0
  for (const { location } of weights.values()) {
    if (!location) return false
    if (!files.has(location.file)) files.set(location.file, (await source.size?.(location.file)) ?? 0)
    needed += location.length
  }
  return needed < 0.9 * [...files.values()].reduce((sum, size) => sum + size, 0)
}

const short = (names: readonly string[]): string =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ')

/** Two towers as one model, with new projections and a new logit scale, which a warning names. */
export async function joinTowers(
  vision: LoadedTower<VisionEncoderSpec>,
  text: LoadedTower<TextEncoderSpec>,
  options: ConfigOverrides & {
    config?: VisionTextDualEncoderConfig
    seed?: number
    onWarning?: WarningListener
  },
): Promise<LoadedModel> {
  const { config: given, seed = 0, onWarning = printWarning, ...values } = options
  checkSeed(seed)
  const config = (
    given ?? VisionTextDualEncoderConfig.fromVisionTextConfigs(vision.encoder.config, text.encoder.config)
  ).with(values)
  const encoders = await encodersOf(config)
  for (const { encoder } of [vision, text]) {
    const { modelType } = encoders[encoder.kind].config
    if (modelType !== encoder.config.modelType)
      throw new ConfigError(
        'wrong-model-type',
        `config has a ${encoder.kind} tower of model type "${modelType}"; a "${encoder.config.modelType}" was given.`,
      )
  }
  const expected = modelParams(encoders)
  const weights = new Map<string, WeightEntry>([...vision.weights, ...text.weights])
  for (const { kind, config } of [encoders.vision, encoders.text])
    dropIdlePooler(weights, expected, `${ENCODER_NAMES[kind].tower}.`, config.pooling)
  const drawn = [...expected.values()].filter(({ name }) => !weights.has(name) && isNew(name))
  for (const param of drawn) weights.set(param.name, newScaleOrWeight(param, config, seed))
  checkWeights(weights, expected, 'The pair of towers')
  onWarning({
    code: 'new-weights',
    message:
      `Newly initialised: ${drawn.map(({ name }) => name).join(', ')}. ` +
      'Logits mean nothing until these are trained on image-text pairs.',
    names: drawn.map(({ name }) => name),
  })
  return { config, ...encoders, weights }
}

function checkSeed(seed: number): void {
  if (!Number.isInteger(seed)) throw new CheckpointError('bad-seed', `seed is ${seed}; it must be an integer.`)
}

const isNew = (name: string): boolean =>
  name === LOGIT_SCALE.name || Object.values(ENCODER_NAMES).some(({ projection }) => name.startsWith(projection))

const newScaleOrWeight = (param: Param, config: VisionTextDualEncoderConfig, seed: number): WeightEntry =>
  param.name === LOGIT_SCALE.name
    ? memoryWeight(param.name, tensor(new Float32Array([config.logitScaleInitValue]), []))
    : newWeight(param, seed)

/** A model whose every weight is new: the same for the same seed. */
export async function initializeModel(config: VisionTextDualEncoderConfig, seed: number): Promise<LoadedModel> {
  checkSeed(seed)
  const encoders = await encodersOf(config)
  const weights = new Map<string, WeightEntry>()
  for (const param of modelParams(encoders).values()) weights.set(param.name, newScaleOrWeight(param, config, seed))
  return { config, ...encoders, weights }
}
