import { ConfigError } from '../base/errors'
import { atOnce } from '../base/pieces'
import type { Tensor } from '../base/tensor'
import { pairOf } from '../towers/grid'
import type { Batch, EncoderSpec } from './encoder'
import { ENCODER_NAMES, encode } from './encoder'
import { drawing } from '../ops/draw'
import type { Linear, Norm, Ops, Param } from '../ops/ops'
import { Scope } from '../ops/scope'

/** Hears of each layer, and of the weights that were read before it. */
type OnLayer = (index: number, known: ReadonlyMap<string, Param>) => void

interface Traced {
  readonly params: Map<string, Param>
  /** Names of those that linear layers multiply by, and of tables that tokens are looked up in. */
  readonly matrices: Set<string>
}

/** Ten times what the largest tower has: a number in a config must not take all of the memory. */
const MOST_STEPS = 200_000

/** Notes every weight that the ops are asked for; what they compute is nothing. */
function parameterTracer(onLayer?: OnLayer): Traced & { readonly ops: Ops<void> } {
  const params = new Map<string, Param>()
  const matrices = new Set<string>()
  const param = (given: Param): void => {
    if (!given.rows) params.set(given.name, given)
    else if (!params.has(given.name)) params.set(given.name, { ...given, rows: undefined })
  }
  const layer = ({ weight, bias, scale }: Linear): void => {
    param(weight)
    if (bias) param(bias)
    if (scale) param(scale)
  }
  const matrix = (given: Linear): void => {
    matrices.add(given.weight.name)
    layer(given)
  }
  const norm = ({ weight, bias }: Norm): void => layer({ weight, bias })
  const noted: Partial<Ops<void>> = {
    param,
    embedding: (_ids, table) => matrix({ weight: table }),
    linear: (_x, given) => matrix(given),
    linears: (_x, layers) => layers.map(matrix),
    layerNorm: (_x, given) => norm(given),
    addLayerNorm: (_x, _residual, given) => ({ sum: undefined, normed: norm(given) }),
    patchEmbed: (_pixels, given) => layer(given),
    conv2d: (_x, given) => layer(given),
    attention: () => ({ context: undefined }),
    resized: (_table, _size, compute) => compute(),
    layer: (compute) => compute(),
    entering: (index) => {
      onLayer?.(index, params)
      return undefined
    },
  }
  let steps = 0
  const ops = new Proxy(noted, {
    get(known, name) {
      if (++steps > MOST_STEPS)
        throw new ConfigError(
          'bad-config-value',
          `A tower of more than ${MOST_STEPS.toLocaleString('en')} steps is asked for. Check num_hidden_layers in config.json.`,
        )
      return known[name as keyof Ops<void>] ?? (() => undefined)
    },
  })
  return { ops: ops as Ops<void>, params, matrices }
}

/** An encoder's layers, and where its weights are read first. */
export interface EncoderLayers {
  /** Those that can be entered; 0 of towers whose layers cannot be (Swin, Hiera, DeBERTa, MobileBERT). */
  readonly count: number
  /** By weight: -1 for what stands below the layers, `count` for what stands above. */
  readonly layerOf: ReadonlyMap<string, number>
}

export function encoderLayers(encoder: EncoderSpec): EncoderLayers {
  const layerOf = new Map<string, number>()
  let count = -1
  const onLayer: OnLayer = (index, known) => {
    for (const name of known.keys()) if (!layerOf.has(name)) layerOf.set(name, count)
    count = index
  }
  const { params } = trace(encoder, { onLayer })
  for (const name of params.keys()) if (!layerOf.has(name)) layerOf.set(name, Math.max(count, 0))
  return { count: Math.max(count, 0), layerOf }
}

/** Every weight of an encoder in the order of its computation, by its name in a dual encoder's checkpoint. */
export const encoderParams = (encoder: EncoderSpec): Map<string, Param> => trace(encoder).params

/** Names of the weights that an encoder reads of such a batch: where a layer is entered, or is pooled, those above. */
export function weightsFor<T>(
  encoder: EncoderSpec,
  { entering, pooled }: Pick<Batch<T>, 'entering' | 'pooled'>,
): string[] {
  const names = [...trace(encoder, entering && { entering: { at: entering.at, hidden: undefined } }).params.keys()]
  return pooled === undefined
    ? names
    : names.filter((name) => !name.startsWith(`${ENCODER_NAMES[encoder.kind].tower}.`))
}

/** A tower's weights drawn anew, without its projection. */
export function drawnTower(encoder: EncoderSpec, seed: number): Map<string, Tensor<'float32'>> {
  const own = [...encoderParams(encoder)].filter(([name]) => name.startsWith(`${ENCODER_NAMES[encoder.kind].tower}.`))
  return new Map(own.map(([name, param]) => [name, atOnce(drawing(param, seed))]))
}

/** Names of an encoder's weights that may be int8: matrices of linear layers, and tables of embeddings. */
export function quantizableParams(encoder: EncoderSpec): Set<string> {
  const { params, matrices } = trace(encoder)
  const isModule = (name: string) => name.endsWith('.weight') && params.get(name)?.shape.length === 2
  return new Set([...matrices].filter(isModule))
}

function trace(
  encoder: EncoderSpec,
  { onLayer, entering }: { readonly onLayer?: OnLayer; readonly entering?: Batch<void>['entering'] } = {},
): Traced {
  const { ops, params, matrices } = parameterTracer(onLayer)
  const names = ENCODER_NAMES[encoder.kind]
  const weights = new Scope(names.tower, encoder.config.initializerRange)
  const idle =
    encoder.kind === 'vision'
      ? encoder.tower.idleParams?.(weights, encoder.config)
      : encoder.tower.idleParams?.(weights, encoder.config)
  // A pooler that is not used is a linear layer all the same.
  for (const param of idle ?? []) ops.linear(undefined, { weight: param })
  const imageSize = encoder.kind === 'vision' ? pairOf(encoder.config.imageSize) : ([0, 0] as const)
  encode<void>(ops, encoder, { inputs: {}, imageSize, entering }, { features: true, lastHiddenState: true })
  return { params, matrices }
}
