import type { CheckpointOptions } from './load'
import { checkOptions, OptionError } from '../base/errors'
import type { WarningListener } from '../base/warnings'
import type {
  ConfigOverrides,
  DualEncoderConfig,
  DualEncoderConfigClass,
  VisionTextDualEncoderConfig,
} from './dual-encoder-config'
import type { TextModelInputs, VisionModelInputs } from './inputs'
import type { LoadedModel } from './load'
import type { TowerBase } from './tower'

export interface ForwardInputs extends TextModelInputs, VisionModelInputs {}

export interface ForwardOptions {
  /** Also compute the family's loss (CLIP's, SigLIP's): row i of the texts belongs to image i. */
  returnLoss?: boolean
  outputAttentions?: boolean
  outputHiddenStates?: boolean
  /** Accept images of another size than the tower was trained on. */
  interpolatePosEncoding?: boolean
  /** Return the values as a tuple in transformers' order. */
  returnTuple?: boolean
  signal?: AbortSignal
  /** With dropout and stochastic depth as the configs say. Only for backends that train. */
  training?: boolean
  /** What `training` drops, the same for the same seed; a new seed for each call by default. */
  dropoutSeed?: number
}

export const FORWARD_OPTIONS = [
  'returnLoss',
  'outputAttentions',
  'outputHiddenStates',
  'interpolatePosEncoding',
  'returnTuple',
  'signal',
] as const satisfies readonly (keyof ForwardOptions)[]
export const TRAINING_OPTIONS = ['training', 'dropoutSeed'] as const satisfies readonly (keyof ForwardOptions)[]

/** Inputs that `forward` reads, and what a processor may put beside them. */
export const INPUTS = ['inputIds', 'pixelValues', 'attentionMask', 'positionIds', 'tokenTypeIds', 'taskTypeIds']
export const BESIDE_INPUTS = ['specialTokensMask', 'offsetMapping', 'indices', 'errors']

export interface FeatureOptions {
  /** Divide each row by its norm; false as in Python. */
  normalize?: boolean
  signal?: AbortSignal
}

export interface FromPretrainedOptions extends CheckpointOptions, ConfigOverrides {
  /** In place of the folder's. */
  config?: DualEncoderConfig
}

export interface FromPairOptions extends CheckpointOptions, ConfigOverrides {
  /** Of the new projections. */
  seed?: number
  /** 'keep': the projections and the logit scale that lie beside the towers; drawn anew unless given. */
  projections?: 'keep'
}

/** @throws OptionError for anything but 'keep'. */
export function checkedProjections(value: unknown): 'keep' | undefined {
  if (value === undefined || value === 'keep') return value
  throw new OptionError(
    'bad-option',
    `projections is ${String(value)}; it must be "keep", or left out to draw new ones.`,
  )
}

export interface FromTowersOptions extends ConfigOverrides {
  config?: VisionTextDualEncoderConfig
  /** Of the new projections. */
  seed?: number
  onWarning?: WarningListener
}

/** A backend's model class, as the constructors below see it. */
export interface ModelClass<M, O extends object> {
  new (loaded: LoadedModel, options?: O): M
  readonly configClass: DualEncoderConfigClass
  /** Names of the options that are the engine's. */
  readonly engineOptions: readonly string[]
}

/** Also of the package's other copy (ESM or CJS). */
export const isTower = (value: unknown): value is TowerBase =>
  typeof (value as Partial<TowerBase> | null | undefined)?.loadedAs === 'function'

/** Splits a call's options into the engine's and the rest; unknown ones are errors. */
export function split<O extends object, R extends object>(
  options: R & O,
  engine: readonly string[],
  others: readonly string[],
  where: string,
): { engine: O; rest: R } {
  checkOptions(options, [...others, ...engine], where)
  // `onWarning` may be wanted by both.
  const part = (names: readonly string[]) =>
    Object.fromEntries(Object.entries(options).filter(([key]) => names.includes(key)))
  return { engine: part(engine) as O, rest: part(others) as R }
}
