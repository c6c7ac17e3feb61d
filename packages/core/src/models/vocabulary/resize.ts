import { checkOptions, ConfigError, OptionError } from '../../base/errors'
import { float32Of, type Tensor, tensor } from '../../base/tensor'
import type { Param } from '../../ops/ops'
import type { TextConfig } from '../../towers/tower'
import type { WeightEntry, Weights } from '../../weights/entry'
import type { TextEncoderSpec } from '../encoder'
import { newWeight } from '../initialize'
import { encoderParams } from '../parameters'
import { override } from '../tower-values'

export interface ResizeOptions {
  /** Rounds the number of tokens up. */
  readonly padToMultipleOf?: number
  /** Draw new rows around the mean of the old ones (the default), not as those of a new model. */
  readonly meanResizing?: boolean
  /** Of the new rows. */
  readonly seed?: number
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0

/** As the table of word embeddings is called in each tower. */
const TABLE = /embeddings\.(word_embeddings|tok_embeddings|token_embedding)\.weight$/

/** Rows of which a new one is mixed: enough for a normal distribution. */
const MIXED = 256
/** transformers' share of the old rows' covariance. */
const SHARE = 1e-9

/** @throws OptionError for what is no number of tokens. */
function countOf(count: number, padTo: number | undefined): number {
  const wrong = [count, padTo ?? 1].find((value) => !isCount(value))
  if (wrong !== undefined)
    throw new OptionError(
      'bad-option',
      `resizeTokenEmbeddings: ${wrong === count ? 'the number of tokens' : 'padToMultipleOf'} is ${String(wrong)}; it must be a positive integer.`,
    )
  return padTo === undefined ? count : Math.ceil(count / padTo) * padTo
}

/** Mean of the rows, and around it what their covariance allows; the mean alone of fewer rows than columns, as Python. */
function aroundMean(
  old: Float32Array,
  width: number,
  added: Float32Array,
  draw: (count: number, at: string) => Promise<Float32Array>,
) {
  const rows = old.length / width
  const mean = new Float64Array(width)
  old.forEach((value, i) => {
    mean[i % width] = (mean[i % width] ?? 0) + value / rows
  })
  added.forEach((_, i) => (added[i] = mean[i % width] ?? 0))
  return rows <= width ? Promise.resolve() : mix(old, width, mean, added, draw)
}

async function mix(
  old: Float32Array,
  width: number,
  mean: Float64Array,
  added: Float32Array,
  draw: (count: number, at: string) => Promise<Float32Array>,
): Promise<void> {
  const [rows, count] = [old.length / width, added.length / width]
  const [weights, picks] = [await draw(count * MIXED, 'weights'), await draw(count * MIXED, 'rows')]
  const scale = Math.sqrt(SHARE / MIXED)
  for (let i = 0; i < weights.length; i++) {
    const row = Math.floor(Math.abs((picks[i] ?? 0) * 1e6)) % rows
    const factor = scale * (weights[i] ?? 0)
    const to = Math.floor(i / MIXED) * width
    for (let k = 0; k < width; k++)
      added[to + k] = (added[to + k] ?? 0) + factor * ((old[row * width + k] ?? 0) - (mean[k] ?? 0))
  }
}

/**
 * A text encoder and its weights with `count` tokens: rows that are kept are the same, new ones are drawn
 * (transformers' `resize_token_embeddings`).
 */
export function resizedTokens(
  encoder: TextEncoderSpec,
  weights: Weights,
  count: number,
  options: ResizeOptions = {},
): { encoder: TextEncoderSpec; weights: Map<string, WeightEntry> } {
  checkOptions(options, ['padToMultipleOf', 'meanResizing', 'seed'], 'resizeTokenEmbeddings')
  const { padToMultipleOf, meanResizing = true, seed = 0 } = options
  const vocabSize = countOf(count, padToMultipleOf)
  const table = [...encoderParams(encoder).values()].find(({ name }) => TABLE.test(name))
  const entry = table && weights.get(table.name)
  if (!table || !entry)
    throw new ConfigError('unsupported-config', `${encoder.config.modelType} has no table of tokens.`)
  const [before = 0, width = 1] = table.shape
  // No row of these is that of padding.
  const init = table.init.kind === 'normal' ? { ...table.init, zeroRow: undefined } : table.init
  const normal = (of: Param) => newWeight({ ...of, rows: undefined }, seed).read()
  const draw = async (size: number, at: string) =>
    float32Of(await normal({ name: `${table.name}:${at}`, shape: [size], init: { kind: 'normal', std: 1 } }))
  const read = async (): Promise<Tensor<'float32'>> => {
    const old = float32Of(await entry.read())
    const data = new Float32Array(vocabSize * width)
    data.set(old.subarray(0, data.length))
    const added = data.subarray(Math.min(before, vocabSize) * width)
    if (meanResizing) await aroundMean(old, width, added, draw)
    else added.set(float32Of(await normal({ ...table, init, shape: [added.length / width, width] })))
    return tensor(data, [vocabSize, width])
  }
  const resized: WeightEntry = { name: table.name, shape: [vocabSize, width], storage: 'F32', read }
  return {
    encoder: { ...encoder, config: override<TextConfig>(encoder.config, { vocabSize }) },
    weights: new Map(weights).set(table.name, resized),
  }
}
