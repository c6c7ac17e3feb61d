import type { Ops } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { preNormEncoder } from '../blocks'
import type { Taps, TowerOutput } from '../tower'
import { bertLayer, type BertLike, bertPooler, encoderOptions, pooledBy } from './bert'

/** What a relative calls its norms, and where it drops nothing. */
interface PreNormOptions {
  /** Of each layer: the norm before attention, and that before the MLP. */
  readonly norms: readonly [attention: string, mlp: string]
  /** The norm behind the last layer. */
  readonly last: string
  /** Of what the MLP gives, where it is not `hiddenDropoutProb`. */
  readonly mlpDropout?: number
}

/** The layers and the pooler of a BERT that normalises before attention and MLP, and behind the last layer, over x `[B, L, D]`. */
export function preNormBert<T>(
  ops: Ops<T>,
  w: Scope,
  config: BertLike,
  x: T,
  mask: T,
  taps: Taps,
  { norms, last: lastNorm, mlpDropout }: PreNormOptions,
): TowerOutput<T> {
  const { hiddenSize: D, layerNormEps: eps } = config
  const { last, hiddenStates, ...collected } = preNormEncoder(
    ops,
    x,
    (index) => {
      const layer = w.at(`encoder.layer.${index}`)
      const { attention, mlp } = bertLayer(ops, layer, config)
      return { attention, mlp, norm1: layer.at(norms[0]).norm(D, eps), norm2: layer.at(norms[1]).norm(D, eps) }
    },
    w.at(lastNorm).norm(D, eps),
    { ...encoderOptions(config, mask, taps), mlpDropout },
  )
  return {
    lastHiddenState: last,
    poolerOutput: pooledBy(ops, config.pooling, last, mask, bertPooler(ops, w, config)),
    ...(hiddenStates ? { hiddenStates: [...hiddenStates.slice(0, -1), last] } : {}),
    ...collected,
  }
}
