import { configClassOf } from './dual-encoder-config'
import { readConfig } from './read-config'
import { checkOptions } from '../base/errors'
import { loadModel, loadTower } from './load'
import { saveModel, type SaveOptions, saveTower, savedTowerWeights, savedWeights } from './save'
import { isVisionTower, VISION_TOWERS, visionTowerOf } from '../towers/registry'
import { asFlaxComputes } from './checkpoint/as-flax-computes'
import type { Framework } from '../weights/formats/names'
import { openWeights, type WeightFormat } from '../weights/open'
import { saveWeights } from '../weights/save'
import { openSource } from '../files/source'
import { type Source, SOURCE_OPTIONS, type SourceLike, type SourceOptions } from '../files/types'
import { openTarget, type Target, type TargetLike } from '../files/target'
import { SENTENCE_PIECE } from '../text/slow-files'
import type { WeightEntry } from '../weights/entry'

export interface ConvertOptions extends SourceOptions, SaveOptions {
  /** What to read; by default what lies in the folder. */
  format?: WeightFormat
}

export interface ConvertReport {
  /** The file or index that was read, and whose names and layouts it had. */
  readonly file: string
  readonly framework: Framework
  /** Of the floats that were written. */
  readonly dtype: NonNullable<SaveOptions['dtype']>
  readonly weights: readonly ConvertedWeight[]
  /** Tokenizer and preprocessor files that were copied. */
  readonly carried: readonly string[]
}

export interface ConvertedWeight {
  readonly from: string
  readonly to: string
  /** As written. */
  readonly shape: readonly number[]
  /** What was done to the values beyond their dtype (`transposed`). */
  readonly change?: string
}

/** What image processors and tokenizers of transformers read, beside the weights. */
const CARRIED = [
  ['preprocessor_config.json', 'processor_config.json'],
  [
    'tokenizer.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'added_tokens.json',
    'vocab.json',
    'vocab.txt',
    'merges.txt',
    ...SENTENCE_PIECE,
  ],
]

/**
 * Turns any checkpoint that can be read (safetensors, `pytorch_model.bin`, Flax's msgpack, TensorFlow's
 * h5, hybrid-clip) into the safetensors checkpoint that today's Python loads, one weight at a time.
 * `dtype` keeps half precision where every weight has it, and is float32 otherwise, unless given.
 */
export async function convert(
  source: SourceLike,
  target: TargetLike,
  options: ConvertOptions = {},
): Promise<ConvertReport> {
  checkOptions(options, [...SOURCE_OPTIONS, 'format', 'dtype', 'maxShardSize'], 'convert')
  const { format, dtype: wanted, maxShardSize, ...sourceOptions } = options
  const [opened, writer] = [await openSource(source, sourceOptions), await openTarget(target)]
  const config = await readConfig(opened)
  const { file, framework, weights: found } = await openWeights(opened, format, config.model_type === 'open_clip')
  let [weights, dtype] = [[...found.values()], wanted ?? storedDtype(found.values())]
  const configClass = configClassOf(config.model_type)
  if (configClass) {
    const model = await loadModel(opened, configClass, { format })
    weights = savedWeights(model)
    dtype = wanted ?? storedDtype(weights)
    await saveModel(writer, model, { dtype, maxShardSize })
  } else if (dtype === 'int8') {
    const tower = await loadTower(isVisionTower(config.model_type) ? 'vision' : 'text', opened, { format })
    weights = savedTowerWeights(tower)
    await saveTower(writer, tower, { dtype, maxShardSize })
  } else {
    const type = String(config.model_type)
    if (framework === 'flax' && Object.hasOwn(VISION_TOWERS, type)) {
      const entry = visionTowerOf(type)
      const encoder = { kind: 'vision', tower: await entry.load(), config: entry.config.fromJSON(config) } as const
      asFlaxComputes(found, [{ encoder, prefix: '' }], false)
      weights = [...found.values()]
    }
    await saveWeights(writer, weights, { dtype, maxShardSize, metadata: { format: 'pt' } })
    await writer.write('config.json', [(await opened.read('config.json')) ?? new Uint8Array()])
  }
  return {
    file,
    framework,
    dtype,
    weights: weights.map(({ name, origin = name, shape, change }) => ({
      from: origin,
      to: name,
      shape,
      ...(change ? { change } : {}),
    })),
    carried: await carry(opened, writer),
  }
}

function storedDtype(weights: Iterable<WeightEntry>): NonNullable<SaveOptions['dtype']> {
  const all = [...weights]
  if (all.some(({ quantized }) => quantized)) return 'int8'
  const floats = new Set(all.map(({ storage }) => storage).filter((storage) => /F(16|32|64)$/.test(storage)))
  if (floats.size > 1) return 'float32'
  return floats.has('BF16') ? 'bfloat16' : floats.has('F16') ? 'float16' : 'float32'
}

/** Of what is carried nothing stays that an earlier model has left there, and that would speak against it. */
async function carry(source: Source, target: Target): Promise<string[]> {
  const carried: string[] = []
  for (const names of CARRIED) {
    const files = await Promise.all(names.map(async (name) => [name, await source.read(name)] as const))
    if (files.every(([, bytes]) => !bytes)) continue
    for (const [name, bytes] of files) await (bytes ? target.write(name, [bytes]) : target.remove(name))
    carried.push(...files.flatMap(([name, bytes]) => (bytes ? [name] : [])))
  }
  return carried
}
