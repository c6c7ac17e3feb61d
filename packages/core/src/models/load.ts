import { openWeights, type WeightFormat } from '../weights/open'
import { loadFrom } from '../files/source'
import { type Source, SOURCE_OPTIONS, type SourceLike, type SourceOptions } from '../files/types'
import type { WeightEntry, Weights } from '../weights/entry'
import { storedParts } from '../weights/quantize'
import { shapedAs } from '../weights/rows'
import {
  checkConfig,
  type ConfigOverrides,
  type DualEncoderConfig,
  type DualEncoderConfigClass,
  VisionTextDualEncoderConfig,
} from './dual-encoder-config'
import { DUAL_ENCODER, OPEN_CLIP } from './families'
import { readConfig } from './read-config'
import { towerConfigOf } from './tower-configs'
import { override, type TowerOverrides } from './tower-values'
import { CheckpointError, ConfigError, OptionError } from '../base/errors'
import type { Param } from '../ops/ops'
import { encoderParams } from './parameters'
import { textTowerOf, visionTowerOf } from '../towers/registry'
import type { TextConfig, VisionConfig } from '../towers/tower'
import { printWarning, type WarningListener } from '../base/warnings'
import { ENCODER_NAMES, type EncoderSpec, pooledSize, type TextEncoderSpec, type VisionEncoderSpec } from './encoder'
import { newWeight } from './initialize'
import { maskedByIds } from './open-clip/masked-by-ids'
import { joinKept, keptBeside } from './sentence/keep'
import { adviceOf, checkPooling, lacksPooler, sentencePooling } from './sentence/pooling'
import {
  checkWeights,
  dropIdlePooler,
  findPrefix,
  setLayersAside,
  setUnusedAside,
  namedWeights,
  short,
} from './checkpoint/tower-names'

/** How weights are found and read. */
export interface CheckpointOptions extends SourceOptions {
  /** What the weights are stored as; by default what lies in the folder. */
  format?: WeightFormat
  /** Weights that the model does not have: an error by default, or named in a warning and left aside. */
  unusedWeights?: 'error' | 'warn'
  /** Called instead of `console.warn`. */
  onWarning?: WarningListener
}

export const CHECKPOINT_OPTIONS = [...SOURCE_OPTIONS, 'onWarning', 'format', 'unusedWeights'] as const

/** @throws OptionError for a value that `unusedWeights` does not have */
function toleratesUnused({ unusedWeights = 'error' }: CheckpointOptions): boolean {
  if (unusedWeights === 'error' || unusedWeights === 'warn') return unusedWeights === 'warn'
  throw new OptionError('bad-option', `unusedWeights is ${JSON.stringify(unusedWeights)}. Allowed: 'error', 'warn'.`)
}

/** A model before a backend has it: config, both encoders, weights not yet read. */
export interface LoadedModel {
  readonly config: DualEncoderConfig
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
  /** The projection and the logit scale beside it, where they were asked for. */
  readonly kept?: Weights
}

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

interface Encoders {
  readonly vision: VisionEncoderSpec
  readonly text: TextEncoderSpec
}

async function encodersOf(config: DualEncoderConfig): Promise<Encoders> {
  const { visionConfig, textConfig, family, projectionDim: dim, projections } = config
  checkPoolerSize(visionConfig)
  const [vision, text] = await Promise.all([
    visionTowerOf(visionConfig.modelType).load(),
    textTowerOf(textConfig.modelType).load(),
  ])
  const encoders: Encoders = {
    vision: { kind: 'vision', tower: vision, config: visionConfig },
    text: { kind: 'text', tower: family === OPEN_CLIP ? maskedByIds(text) : text, config: textConfig },
  }
  checkPooling(encoders.vision)
  checkPooling(encoders.text)
  // A pair is drawn by its text tower's deviation, as transformers draws it; a CLIP by the size of each tower.
  const { initializer_factor: factor } = config.extra
  const stdOf = (encoder: EncoderSpec) =>
    !family.towers ? textConfig.initializerRange : pooledSize(encoder) ** -0.5 * ((factor as number | undefined) ?? 1)
  const projected = <E extends EncoderSpec>(encoder: E): E => {
    const form = projections[encoder.kind]
    return form === 'none' ? encoder : { ...encoder, projection: { dim, std: stdOf(encoder), form } }
  }
  return { vision: projected(encoders.vision), text: projected(encoders.text) }
}

/** What the similarity of embeddings becomes a logit by. */
export function logitParams({ family, logitBias, logitScaleInitValue }: DualEncoderConfig): Param[] {
  const { logitShape: shape } = family
  const scale: Param = { name: 'logit_scale', shape, init: { kind: 'constant', value: logitScaleInitValue } }
  return logitBias ? [scale, { name: 'logit_bias', shape, init: { kind: 'zeros' } }] : [scale]
}

/** Every weight of a model, by its name. */
export function modelParams(config: DualEncoderConfig, { vision, text }: Encoders): Map<string, Param> {
  const params = new Map(logitParams(config).map((param) => [param.name, param]))
  for (const encoder of [text, vision]) for (const [name, param] of encoderParams(encoder)) params.set(name, param)
  return params
}

type ModelOptions<C extends DualEncoderConfig> = CheckpointOptions & ConfigOverrides & { config?: C }

/** Reads the folder of a model with two towers: its config, and where its weights lie. */
export const loadModel = <C extends DualEncoderConfig>(
  source: SourceLike,
  configClass: DualEncoderConfigClass<C>,
  options: ModelOptions<C>,
): Promise<LoadedModel> => loadFrom(source, options, (opened) => loadModelFrom(opened, configClass, options))

async function loadModelFrom<C extends DualEncoderConfig>(
  opened: Source,
  configClass: DualEncoderConfigClass<C>,
  options: ModelOptions<C>,
): Promise<LoadedModel> {
  const { onWarning = printWarning, format, unusedWeights: _, ...configOptions } = options
  const tolerant = toleratesUnused(options)
  const config = await configClass.fromPretrained(
    opened,
    configOptions as Parameters<typeof configClass.fromPretrained>[1],
  )
  const encoders = await encodersOf(config)
  const expected = modelParams(config, encoders)
  const { weights, framework } = await openWeights(opened, format, config.family === OPEN_CLIP)
  const named = new Map<string, WeightEntry>()
  for (const { kind, tower, config } of [encoders.vision, encoders.text]) {
    const prefix = `${ENCODER_NAMES[kind].tower}.`
    for (const [name, entry] of namedWeights(weights, tower, prefix, prefix, expected)) named.set(name, entry)
    dropIdlePooler(named, expected, prefix, config.pooling)
    setLayersAside(named, expected, { prefix, layers: layersIn(options[kind]) }, opened.describe, onWarning)
  }
  const towers = Object.values(ENCODER_NAMES).map(({ tower }) => `${tower}.`)
  for (const [name, entry] of weights)
    if (!towers.some((tower) => name.startsWith(tower))) named.set(name, shapedAs(entry, expected.get(name)?.shape))
  if (tolerant) setUnusedAside(named, expected, opened.describe, onWarning)
  drawLogits(named, expected, config, opened.describe, onWarning)
  checkWeights(named, expected, opened.describe)
  if (framework === 'flax') {
    const { asFlaxComputes } = await import('./checkpoint/as-flax-computes')
    const prefixed = [encoders.vision, encoders.text].map((encoder) => ({
      encoder,
      prefix: `${ENCODER_NAMES[encoder.kind].tower}.`,
    }))
    asFlaxComputes(named, prefixed, !config.family.towers)
  }
  return { config, ...encoders, weights: named }
}

/** Draws what the logits are made by, where a checkpoint that has all else does not hold it: training kept it elsewhere. */
function drawLogits(
  weights: Map<string, WeightEntry>,
  expected: ReadonlyMap<string, Param>,
  config: DualEncoderConfig,
  where: string,
  warn: WarningListener,
): void {
  const drawn = logitParams(config).filter(({ name }) => !weights.has(name))
  const missing = [...expected.keys()].filter((name) => !weights.has(name))
  if (drawn.length === 0 || missing.length > drawn.length) return
  for (const param of drawn) weights.set(param.name, newWeight(param, 0))
  const names = drawn.map(({ name }) => name)
  warn({
    code: 'new-weights',
    message: `${where} holds no ${names.join(' and no ')}: newly initialised, as the config says. Probabilities mean nothing until it is trained.`,
    names,
  })
}

/** How many layers a call wants, where it says so. */
const layersIn = (overrides: TowerOverrides | undefined): unknown =>
  (overrides as { readonly numHiddenLayers?: unknown } | undefined)?.numHiddenLayers

type TowerConfigOf = { vision: VisionConfig; text: TextConfig }

/**
 * Reads one tower as people have it: a base model, one with a task head (left aside and named in a
 * warning), a whole CLIP, SigLIP or ChineseCLIP, or a dual encoder.
 */
export const loadTower = <K extends 'vision' | 'text'>(
  kind: K,
  source: SourceLike,
  options: TowerOptions = {},
): Promise<LoadedTower<SpecOf<K>>> => loadFrom(source, options, (opened) => loadTowerFrom(kind, opened, options))

type TowerOptions = CheckpointOptions & { config?: TowerOverrides; projections?: 'keep' }
type SpecOf<K> = K extends 'vision' ? VisionEncoderSpec : TextEncoderSpec

async function loadTowerFrom<K extends 'vision' | 'text'>(
  kind: K,
  opened: Source,
  options: TowerOptions,
): Promise<LoadedTower<SpecOf<K>>> {
  const json = await readConfig(opened)
  const towerJson = towerConfigOf(json, kind)
  const entry = kind === 'vision' ? visionTowerOf(towerJson.model_type) : textTowerOf(towerJson.model_type)
  const tower = await entry.load()
  const own = override(entry.config.fromJSON(towerJson) as TowerConfigOf[K], options.config ?? {})
  const keep = options.projections === 'keep'
  // A dense layer is behind what was pooled as its neighbour says.
  const said = keep && kind === 'text' && !own.pooling ? (await sentencePooling(opened))?.pooling : undefined
  const config = said ? override(own, { pooling: said }) : own
  const encoder = { kind, tower, config } as unknown as SpecOf<K>
  const expected = encoderParams(encoder)
  const into = `${ENCODER_NAMES[kind].tower}.`
  const source = opened.inParts?.() ?? opened
  const { weights, framework } = await openWeights(source, options.format, json.model_type === OPEN_CLIP.modelType)
  const prefix = findPrefix(
    weights,
    tower,
    [...expected.keys()].map((name) => name.slice(into.length)),
  )
  const named = namedWeights(weights, tower, prefix, into, expected)
  dropIdlePooler(named, expected, into, config.pooling)
  const cut = { prefix: into, layers: layersIn(options.config) }
  setLayersAside(named, expected, cut, opened.describe, options.onWarning ?? printWarning)
  if (toleratesUnused(options)) setUnusedAside(named, expected, opened.describe, options.onWarning ?? printWarning)
  // What is nearly all of its files is fetched as a whole, and kept.
  if (source !== opened && !(await isSmallPart(source, named)))
    return loadTowerFrom(kind, { ...opened, inParts: undefined }, options)
  const kept = keep ? await keptBeside(kind, opened, weights) : undefined
  const aside = prefix === '' ? [] : [...weights.keys()].filter((name) => !name.startsWith(prefix) && !kept?.has(name))
  if (aside.length > 0)
    (options.onWarning ?? printWarning)({
      code: 'head-left-aside',
      message: `${opened.describe}: only the ${kind} tower "${prefix.slice(0, -1)}" is used; left aside: ${short(aside)}.`,
      names: aside,
    })
  const found = lacksPooler(encoder, named, expected) ? await sentencePooling(opened) : undefined
  checkPooling(encoder, found)
  checkWeights(named, expected, opened.describe, adviceOf(found))
  if (framework === 'flax') {
    const { asFlaxComputes } = await import('./checkpoint/as-flax-computes')
    asFlaxComputes(named, [{ encoder, prefix: into }], json.model_type === DUAL_ENCODER.modelType)
  }
  return { encoder, weights: named, kept }
}

/** Whether these weights leave out more than a head of the files that they lie in. */
async function isSmallPart(source: Source, weights: Weights): Promise<boolean> {
  const files = new Map<string, number>()
  let needed = 0
  for (const { location } of [...weights.values()].flatMap(storedParts)) {
    if (!location) return false
    if (!files.has(location.file)) files.set(location.file, (await source.size?.(location.file)) ?? 0)
    needed += location.length
  }
  return needed < 0.9 * [...files.values()].reduce((sum, size) => sum + size, 0)
}

/** Two towers as one model, with new projections and a new logit scale, which a warning names. */
export async function joinTowers(
  vision: LoadedTower<VisionEncoderSpec>,
  text: LoadedTower<TextEncoderSpec>,
  options: ConfigOverrides & {
    config?: VisionTextDualEncoderConfig
    seed?: number
    onWarning?: WarningListener
    projections?: 'keep'
  },
): Promise<LoadedModel> {
  const { config: given, seed = 0, onWarning = printWarning, projections, ...values } = options
  checkSeed(seed)
  const kept = projections === 'keep' ? joinKept(vision.kept, text.kept) : undefined
  const config = (
    given ?? VisionTextDualEncoderConfig.fromVisionTextConfigs(vision.encoder.config, text.encoder.config)
  ).with({ ...values, ...(kept ? { projectionDim: kept.projectionDim } : {}) })
  const encoders = await encodersOf(config)
  for (const { encoder } of [vision, text]) {
    const { modelType } = encoders[encoder.kind].config
    if (modelType !== encoder.config.modelType)
      throw new ConfigError(
        'wrong-model-type',
        `config has a ${encoder.kind} tower of model type "${modelType}"; a "${encoder.config.modelType}" was given.`,
      )
  }
  const expected = modelParams(config, encoders)
  const weights = new Map<string, WeightEntry>([...vision.weights, ...text.weights])
  for (const [name, entry] of kept?.weights ?? []) weights.set(name, shapedAs(entry, expected.get(name)?.shape))
  for (const { kind, config } of [encoders.vision, encoders.text]) {
    const prefix = `${ENCODER_NAMES[kind].tower}.`
    dropIdlePooler(weights, expected, prefix, config.pooling)
    setLayersAside(weights, expected, { prefix, layers: layersIn(values[kind]) }, 'The pair of towers', onWarning)
  }
  const drawn = [...expected.values()].filter(({ name }) => !weights.has(name) && isNew(name))
  for (const param of drawn) weights.set(param.name, newWeight(param, seed))
  checkWeights(weights, expected, 'The pair of towers')
  if (drawn.length > 0) warnOfNew(drawn, onWarning)
  return { config, ...encoders, weights }
}

function warnOfNew(drawn: readonly Param[], onWarning: WarningListener): void {
  onWarning({
    code: 'new-weights',
    message:
      `Newly initialised: ${drawn.map(({ name }) => name).join(', ')}. ` +
      'Logits mean nothing until these are trained on image-text pairs.',
    names: drawn.map(({ name }) => name),
  })
}

function checkSeed(seed: number): void {
  if (!Number.isInteger(seed)) throw new CheckpointError('bad-seed', `seed is ${seed}; it must be an integer.`)
}

const isNew = (name: string): boolean =>
  name === 'logit_scale' || Object.values(ENCODER_NAMES).some(({ projection }) => name.startsWith(projection))

/** A model whose every weight is new: the same for the same seed. */
export async function initializeModel<C extends DualEncoderConfig>(
  config: C,
  seed: number,
  configClass = config.constructor as unknown as DualEncoderConfigClass<C>,
): Promise<LoadedModel> {
  checkConfig(configClass, config)
  checkSeed(seed)
  const encoders = await encodersOf(config)
  const weights = new Map<string, WeightEntry>()
  for (const param of modelParams(config, encoders).values()) weights.set(param.name, newWeight(param, seed))
  return { config, ...encoders, weights }
}
