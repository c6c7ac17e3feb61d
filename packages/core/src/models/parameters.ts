import { pairOf } from '../towers/grid'
import type { EncoderSpec } from './encoder'
import { ENCODER_NAMES, encode } from './encoder'
import type { Linear, Norm, Ops, Param } from '../ops/ops'
import { Scope } from '../ops/scope'

/** Hears of each layer, and of the weights that were read before it. */
type OnLayer = (index: number, known: ReadonlyMap<string, Param>) => void

/** Notes every weight that the ops are asked for; what they compute is nothing. */
function parameterTracer(onLayer?: OnLayer): { readonly ops: Ops<void>; readonly params: Map<string, Param> } {
  const params = new Map<string, Param>()
  const param = (given: Param): void => {
    if (!given.rows || !params.has(given.name)) params.set(given.name, { ...given, rows: undefined })
  }
  const layer = ({ weight, bias, scale }: Linear): void => {
    param(weight)
    if (bias) param(bias)
    if (scale) param(scale)
  }
  const norm = ({ weight, bias }: Norm): void => layer({ weight, bias })
  const noted: Partial<Ops<void>> = {
    param,
    embedding: (_ids, table) => param(table),
    linear: (_x, given) => layer(given),
    linears: (_x, layers) => layers.map(layer),
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
  const ops = new Proxy(noted, { get: (known, name) => known[name as keyof Ops<void>] ?? (() => undefined) })
  return { ops: ops as Ops<void>, params }
}

/** An encoder's layers, and where its weights are read first. */
export interface EncoderLayers {
  /** Those that can be entered; 0 of towers whose layers are not of one kind (Swin, convolutions, DeBERTa, MobileBERT). */
  readonly count: number
  /** By weight: -1 for what stands below the layers, `count` for what stands above. */
  readonly layerOf: ReadonlyMap<string, number>
}

export function encoderLayers(encoder: EncoderSpec): EncoderLayers {
  const layerOf = new Map<string, number>()
  let count = -1
  const { params } = trace(encoder, (index, known) => {
    for (const name of known.keys()) if (!layerOf.has(name)) layerOf.set(name, count)
    count = index
  })
  for (const name of params.keys()) if (!layerOf.has(name)) layerOf.set(name, Math.max(count, 0))
  return { count: Math.max(count, 0), layerOf }
}

/** Every weight of an encoder in the order of its computation, by its name in a dual encoder's checkpoint. */
export const encoderParams = (encoder: EncoderSpec): Map<string, Param> => trace(encoder).params

function trace(encoder: EncoderSpec, onLayer?: OnLayer): { readonly params: Map<string, Param> } {
  const { ops, params } = parameterTracer(onLayer)
  const names = ENCODER_NAMES[encoder.kind]
  const weights = new Scope(names.tower, encoder.config.initializerRange)
  const idle =
    encoder.kind === 'vision'
      ? encoder.tower.idleParams?.(weights, encoder.config)
      : encoder.tower.idleParams?.(weights, encoder.config)
  for (const param of idle ?? []) ops.param(param)
  const imageSize = encoder.kind === 'vision' ? pairOf(encoder.config.imageSize) : ([0, 0] as const)
  encode<void>(ops, encoder, { inputs: {}, imageSize }, { features: true, lastHiddenState: true })
  return { params }
}
