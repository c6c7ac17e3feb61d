import type { DebertaConfig } from './deberta.config'
import type { Ops } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import {
  DEBERTA,
  debertaForward,
  type Inputs,
  type INPUTS,
  pairBias,
  relativeScores,
  split,
  termsOf,
} from './disentangled'
import type { Taps, TextTowerModule } from '../tower'

interface Attention<T> {
  readonly inputs: Inputs<T>
  readonly taps: Taps
  /** `[B, 1, L, L]` */
  readonly mask: T
}

function attend<T>(
  ops: Ops<T>,
  config: DebertaConfig,
  { inputs, taps, mask }: Attention<T>,
  w: Scope,
  x: T,
  positions: T | undefined,
): { context: T; probs?: T } {
  const { hiddenSize: D, numAttentionHeads: heads, attentionProbsDropoutProb: dropout } = config
  const headSize = D / heads
  // Query, key and value of each head lie side by side.
  const packed = ops.reshape(ops.linear(x, w.at('in_proj').linear(D, 3 * D, { bias: false })), [
    0,
    0,
    heads,
    3 * headSize,
  ])
  const part = (index: number): T =>
    ops.reshape(ops.slice(packed, 3, index * headSize, (index + 1) * headSize), [0, 0, D])
  const shifted = (y: T, name: string): T => ops.add(y, ops.param(w.param(name, [D], { kind: 'zeros' })))
  const [query, key, value] = [shifted(part(0), 'q_bias'), part(1), shifted(part(2), 'v_bias')]
  const { names, has } = termsOf(config)
  const scale = 1 / Math.sqrt(headSize * (1 + names.length))
  const scalar = ops.scalar(scale)
  const unscaled = relativeScores(
    ops,
    config,
    inputs,
    { query, key, positions },
    {
      positionKey: has('c2p') ? w.at('pos_proj').linear(D, D, { bias: false }) : undefined,
      positionQuery: has('p2c') ? w.at('pos_q_proj').linear(D, D) : undefined,
    },
  )
  const relatives = unscaled === undefined ? undefined : ops.mul(unscaled, scalar)
  if (!config.talkingHead) {
    const bias = relatives === undefined ? mask : ops.add(relatives, mask)
    return ops.attention(query, key, value, { heads, scale, bias, dropout, probs: taps.attentions })
  }
  const mixed = (y: T, name: string): T => {
    const byPair = ops.linear(ops.transpose(y, [0, 2, 3, 1]), w.at(name).linear(heads, heads, { bias: false }))
    return ops.transpose(byPair, [0, 3, 1, 2])
  }
  const [q, k, v] = [query, key, value].map((y) => split(ops, y, heads, headSize)) as [T, T, T]
  const products = ops.mul(ops.matMul(q, k, { transposeB: true }), scalar)
  const scores = relatives === undefined ? products : ops.add(products, relatives)
  const softmax = ops.softmax(ops.add(mixed(scores, 'head_logits_proj'), mask))
  const probs = mixed(ops.dropout(softmax, dropout), 'head_weights_proj')
  return { context: ops.reshape(ops.transpose(ops.matMul(probs, v), [0, 2, 1, 3]), [0, 0, D]), probs }
}

export const deberta: TextTowerModule<DebertaConfig, keyof typeof INPUTS> = {
  ...DEBERTA,
  modelType: 'deberta',
  forward(ops, w, config, inputs, taps) {
    const given = { inputs, taps, mask: pairBias(ops, inputs.attentionMask) }
    return debertaForward(ops, w, config, inputs, taps, {
      attend: (self, x, positions) => attend(ops, config, given, self, x, positions),
    })
  },
}
