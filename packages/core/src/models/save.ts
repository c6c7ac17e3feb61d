import { groupOf, quantizationConfig } from '../weights/quantize'
import { type QuantizedNames, saveWeights } from '../weights/save'
import { openTarget, type Target, type TargetLike } from '../files/target'
import type { WeightEntry, Weights } from '../weights/entry'
import type { JsonObject } from '../base/pretrained-config'
import { pythonJson } from '../base/python-json'
import { checkOptions, OptionError } from '../base/errors'
import type { Canary } from './canary'
import { ENCODER_NAMES, type EncoderSpec } from './encoder'
import { OPEN_CLIP } from './families'
import type { LoadedModel, LoadedTower } from './load'
import { quantizableParams } from './parameters'
import { savedName } from './checkpoint/tower-names'

export interface SaveOptions {
  /**
   * Of the weights on disk; float32 by default. `int8`: matrices and tables with a scale for every 32 columns of a row
   * where they divide it, 0.28 of the size, which Python reads with the package `compressed-tensors`.
   */
  dtype?: 'float32' | 'float16' | 'bfloat16' | 'int8'
  /** Bytes of a file before the weights are split over several. */
  maxShardSize?: number
}

export interface ModelSaveOptions extends SaveOptions {
  /** Of `int8`: what a backend's `quantizationCanary` gave, by which loading knows that int8 keeps what it should. */
  canary?: Canary
}

/** The name under which a weight is written. */
function writtenName({ config, vision, text }: LoadedModel, name: string): string {
  // A whole CLIP holds its towers without the extra level that they have in a pair.
  if (config.family.towers) return name
  const encoder = name.startsWith(`${ENCODER_NAMES.vision.tower}.`) ? vision : text
  return savedName(name, `${ENCODER_NAMES[encoder.kind].tower}.`, encoder.tower)
}

/** A model's weights by the names under which they are written. */
export const savedWeights = (model: LoadedModel): WeightEntry[] =>
  [...model.weights.values()].map((entry) => ({
    ...entry,
    name: writtenName(model, entry.name),
    read: () => entry.read(),
  }))

/** The last part of a module's name: what a weight's module is called in every version of transformers. */
const leafOf = (name: string): string => name.split('.').at(-2) ?? name

/**
 * What becomes int8, by the names under which it is written, and compressed-tensors' record of it. Python knows modules
 * by name: one that stays float must not be called as one that is int8. It takes one size of groups for all.
 */
function quantization(
  encoders: readonly EncoderSpec[],
  weights: Weights,
  written: (name: string) => string,
): QuantizedNames & { readonly config: JsonObject } {
  const wanted = new Set(encoders.flatMap((encoder) => [...quantizableParams(encoder)]))
  const floats = [...weights.values()].filter(
    ({ name, shape }) => name.endsWith('.weight') && shape.length === 2 && !wanted.has(name),
  )
  const ignored = new Set(floats.map(({ name }) => leafOf(name)))
  const int8 = [...wanted].filter((name) => !ignored.has(leafOf(name)))
  const size = groupOf(int8.flatMap((name) => weights.get(name)?.shape[1] ?? []))
  const config = quantizationConfig(
    size,
    [...ignored].map((leaf) => `re:.*${leaf}$`),
  )
  return { names: new Set(int8.map(written)), size, config }
}

/** Writes `config.json` and the weights, under the names that every version of transformers loads. */
export async function saveModel(target: TargetLike, model: LoadedModel, given: ModelSaveOptions): Promise<void> {
  checkOptions(given, ['dtype', 'maxShardSize', 'canary'], 'savePretrained')
  const { canary, ...options } = given
  const { dtype = 'float32' } = options
  if (canary && dtype !== 'int8')
    throw new OptionError('bad-option', `savePretrained: a canary belongs to dtype "int8"; "${dtype}" was given.`)
  const opened = await openTarget(target)
  // What open_clip does not read (int8, a model of big_vision's) is written as we read it.
  if (model.config.family === OPEN_CLIP && model.config.extra.open_clip && dtype !== 'int8')
    return (await import('./open-clip/save')).saveOpenClip(opened, model, options)
  const { vision, text, weights } = model
  const quantized =
    dtype === 'int8' ? quantization([vision, text], weights, (name) => writtenName(model, name)) : undefined
  const { canary: before, ...config } = model.config.toJSON()
  const kept = (canary as JsonObject | undefined) ?? before
  const json = quantized && kept ? { ...config, canary: kept } : config
  await write(opened, json, savedWeights(model), options, quantized)
  // They would be read before ours.
  const others = model.config.family === OPEN_CLIP ? ['model.safetensors', 'pytorch_model.bin'] : []
  for (const file of others) await opened.remove(`open_clip_${file}`)
}

/** A tower's weights by the names under which they are written: those of its base model. */
export const savedTowerWeights = (tower: LoadedTower): WeightEntry[] =>
  [...tower.weights.values()].map((entry) => ({
    ...entry,
    name: writtenTowerName(tower, entry.name),
    read: () => entry.read(),
  }))

function writtenTowerName({ encoder: { kind, tower } }: LoadedTower, name: string): string {
  const prefix = `${ENCODER_NAMES[kind].tower}.`
  return savedName(name, prefix, tower).slice(prefix.length)
}

/** Writes a tower on its own as transformers writes a base model. */
export async function saveTower(target: TargetLike, tower: LoadedTower, options: SaveOptions): Promise<void> {
  checkOptions(options, ['dtype', 'maxShardSize'], 'savePretrained')
  const { encoder, weights } = tower
  const written = (name: string) => writtenTowerName(tower, name)
  const quantized = options.dtype === 'int8' ? quantization([encoder], weights, written) : undefined
  // Of the model with a head that it may come from.
  const { architectures: _, ...config } = encoder.config.toJSON()
  await write(await openTarget(target), config, savedTowerWeights(tower), options, quantized)
}

async function write(
  target: Target,
  { dtype: _, torch_dtype: __, quantization_config: ___, ...config }: JsonObject,
  weights: readonly WeightEntry[],
  { dtype = 'float32', ...rest }: SaveOptions,
  quantized: ReturnType<typeof quantization> | undefined,
): Promise<void> {
  const floats = quantized ? 'float32' : dtype
  const json = pythonJson({
    ...config,
    dtype: floats,
    torch_dtype: floats,
    ...(quantized ? { quantization_config: quantized.config } : {}),
  })
  await saveWeights(target, weights, { ...rest, dtype, quantize: quantized, metadata: { format: 'pt' } })
  await target.write('config.json', [new TextEncoder().encode(json)])
}
