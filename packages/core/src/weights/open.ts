import { isJsonObject } from '../base/pretrained-config'
import { lookup } from '../base/lookup'
import { bothSides, CheckpointError, OptionError } from '../base/errors'
import type { Framework } from './formats/names'
import { openSafetensors } from './safetensors/read'
import { checkName } from '../files/file-name'
import { readJson } from '../files/source'
import type { Source } from '../files/types'
import type { WeightEntry } from './entry'
import { joinScales } from './quantize'

/** What a checkpoint's weights are stored as; `auto` takes what lies in the folder. */
export type WeightFormat = 'auto' | 'safetensors' | 'flax' | 'tensorflow' | 'pytorch' | 'open_clip' | 'big_vision'

export interface OpenedWeights {
  /** By PyTorch's names and in its layouts. */
  readonly weights: Map<string, WeightEntry>
  readonly framework: Framework
  /** The file or index they came from. */
  readonly file: string
}

interface OpenedFile {
  readonly weights: Map<string, WeightEntry>
  readonly framework: Framework
}

interface Format {
  readonly name: Exclude<WeightFormat, 'auto'>
  readonly file: string
  /** Where it may have any name. */
  find?(source: Source): Promise<string | undefined>
  open(source: Source, file: string): Promise<OpenedFile | undefined>
}

const FRAMEWORKS: Readonly<Record<string, Framework>> = { flax: 'flax', tf: 'tensorflow' }

const as = (framework: Framework, weights: Map<string, WeightEntry> | undefined): OpenedFile | undefined =>
  weights && { framework, weights }

const openClip = async (weights: Map<string, WeightEntry> | undefined): Promise<OpenedFile | undefined> =>
  weights && { framework: 'pytorch', weights: (await import('./formats/open-clip')).fromOpenClip(weights) }

/** In the order in which they are looked for. Readers of the older formats are loaded when such a file is met. */
const FORMATS: readonly Format[] = [
  {
    name: 'safetensors',
    file: 'model.safetensors',
    async open(source, file) {
      const opened = await openSafetensors(source, file)
      return opened && { weights: opened.weights, framework: lookup(FRAMEWORKS, opened.metadata.format) ?? 'pytorch' }
    },
  },
  {
    name: 'pytorch',
    file: 'pytorch_model.bin',
    open: async (source, file) =>
      as('pytorch', await (await import('./formats/pytorch-bin')).openPyTorch(source, file)),
  },
  {
    name: 'flax',
    file: 'flax_model.msgpack',
    open: async (source, file) => as('flax', await (await import('./formats/flax')).openFlax(source, file)),
  },
  {
    name: 'tensorflow',
    file: 'tf_model.h5',
    open: async (source, file) =>
      as('tensorflow', await (await import('./formats/tensorflow')).openTensorFlow(source, file)),
  },
  {
    name: 'open_clip',
    file: 'open_clip_model.safetensors',
    open: async (source, file) => openClip((await openSafetensors(source, file))?.weights),
  },
  {
    name: 'open_clip',
    file: 'open_clip_pytorch_model.bin',
    open: async (source, file) => openClip(await (await import('./formats/pytorch-bin')).openPyTorch(source, file)),
  },
  {
    name: 'big_vision',
    file: 'big_vision.npz',
    find: (source) => npzOf(source),
    async open(source, file) {
      const { fromBigVision, openTwoTowers } = await import('./formats/big-vision')
      const params = await openTwoTowers(source, file)
      return params && as('pytorch', fromBigVision(params))
    },
  },
]

/** The name of the one `.npz` of a source. */
export async function npzOf(source: Source): Promise<string | undefined> {
  // Who lists no `.npz` loads nothing that reads them.
  if (source.list && !(await source.list()).some((name) => name.endsWith('.npz'))) return undefined
  return (await import('./formats/big-vision')).npzIn(source)
}

const indexOf = ({ file }: Format): string => `${file}.index.json`

/**
 * The weights of a folder, not yet read.
 * @param openClip whether open_clip's config tells of the model: transformers' files beside are timm's, or of an earlier save
 */
export async function openWeights(
  source: Source,
  format: WeightFormat = 'auto',
  openClip = false,
): Promise<OpenedWeights> {
  // safetensors may hold any framework's weights: insisting on a framework takes them too.
  const insisted = format === 'flax' || format === 'tensorflow' ? format : undefined
  const isFirst = ({ name }: Format) => openClip && name === 'open_clip'
  const ordered = [...FORMATS].sort((a, b) => Number(isFirst(b)) - Number(isFirst(a)))
  const formats = ordered.filter(({ name }) => [name, 'auto'].includes(format) || (insisted && name === 'safetensors'))
  if (formats.length === 0)
    throw new OptionError(
      'bad-format',
      `format is "${String(format)}". Should be one of: auto, ${[...new Set(FORMATS.map(({ name }) => name))].join(', ')}.`,
    )
  for (const candidate of formats) {
    if (candidate.name !== 'safetensors' && !(await has(source, candidate))) continue
    const name = (await candidate.find?.(source)) ?? candidate.file
    const whole = await candidate.open(source, name)
    const opened = whole ?? (await openShards(source, candidate))
    if (!opened || (insisted && opened.framework !== insisted)) continue
    const file = whole ? name : indexOf(candidate)
    if (opened.framework === 'pytorch')
      return { ...opened, file, weights: joinScales(opened.weights, `${file} of ${source.describe}`) }
    const { toPyTorch } = await import('./formats/names')
    return { ...opened, file, weights: toPyTorch(opened.weights, opened.framework, `${file} of ${source.describe}`) }
  }
  const looked = formats.flatMap((candidate) => [candidate.file, indexOf(candidate)])
  throw new CheckpointError('no-weights', `${source.describe} holds no weights. Looked for: ${looked.join(', ')}.`)
}

async function has(source: Source, format: Format): Promise<boolean> {
  if (format.find) return (await format.find(source)) !== undefined
  for (const file of [format.file, indexOf(format)]) if (await source.read(file, [0, 1])) return true
  return false
}

async function openShards(source: Source, format: Format): Promise<OpenedFile | undefined> {
  const name = indexOf(format)
  const index = await readJson(source, name)
  if (!index) return undefined
  const { weight_map: map } = index
  if (!isJsonObject(map) || !Object.values(map).every((file) => typeof file === 'string'))
    throw new CheckpointError('bad-index', `${name} of ${source.describe} holds no weight_map from names to files.`)
  const files = new Map(Object.entries(map as Record<string, string>))
  const shards = new Map<string, OpenedFile>()
  for (const file of new Set(files.values())) {
    const shard = await format.open(source, checkName(file))
    if (!shard)
      throw new CheckpointError('missing-shard', `${name} of ${source.describe} names ${file}, which is not there.`)
    shards.set(file, shard)
  }
  const [framework = 'pytorch', other] = new Set([...shards.values()].map((shard) => shard.framework))
  if (other)
    throw new CheckpointError(
      'bad-index',
      `${name} of ${source.describe} names files of two frameworks: ${framework}, ${other}.`,
    )
  const found = new Map<string, WeightEntry>()
  const missing: string[] = []
  for (const [listed, file] of files) {
    const weight = framework === 'tensorflow' ? withoutModel(listed) : listed
    const entry = shards.get(file)?.weights.get(weight)
    if (entry) found.set(weight, entry)
    else missing.push(listed)
  }
  if (missing.length > 0)
    throw new CheckpointError(
      'bad-index',
      `${name} of ${source.describe} names tensors that its files do not hold:\n${bothSides(missing, [])}`,
    )
  return { weights: found, framework }
}

/** TensorFlow's index has the model's own name before each weight's, its shards do not. */
const withoutModel = (name: string): string => name.slice(name.indexOf('/') + 1)
