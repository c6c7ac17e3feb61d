import type { DebertaV2Config } from './deberta.config'
import { activationOf } from '../../ops/activations'
import type { Ops } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { DEBERTA, debertaForward, type INPUTS, pairBias, relativeScores, termsOf } from './disentangled'
import type { TextTowerModule } from '../tower'

/** A convolution over the tokens, `convKernelSize` (odd) wide, as a sum of linear layers of x moved along; `[B, L, D]`. */
function convolved<T>(ops: Ops<T>, w: Scope, config: DebertaV2Config, x: T): T {
  const { hiddenSize: D, convKernelSize: width, convGroups: groups } = config
  const size = D / groups
  const kernel = ops.param(w.param('weight', [D, size, width]))
  const reach = (width - 1) / 2
  const moved = (by: number): T =>
    by < 0 ? ops.pad(ops.slice(x, 1, 0, by), 1, -by, 0) : by > 0 ? ops.pad(ops.slice(x, 1, by), 1, 0, by) : x
  const sums = Array.from({ length: width }, (_, tap) => {
    const matrix = ops.reshape(ops.slice(kernel, 2, tap, tap + 1), [D, size])
    const from = moved(tap - reach)
    const parts = Array.from({ length: groups }, (_, group) => {
      const [start, end] = [group * size, (group + 1) * size]
      return ops.matMul(ops.slice(from, 2, start, end), ops.slice(matrix, 0, start, end), { transposeB: true })
    })
    return parts.length === 1 ? (parts[0] as T) : ops.concat(parts, 2)
  })
  const sum = sums.reduce((a, b) => ops.add(a, b))
  return ops.add(sum, ops.param(w.param('bias', [D], { kind: 'zeros' })))
}

/** He et al.'s DeBERTa v2 and v3. */
export const debertaV2: TextTowerModule<DebertaV2Config, keyof typeof INPUTS> = {
  ...DEBERTA,
  modelType: 'deberta-v2',
  forward(ops, w, config, inputs, taps) {
    type T = typeof inputs.inputIds
    const { hiddenSize: D, numAttentionHeads: heads, layerNormEps: eps, shareAttKey } = config
    const { names, has } = termsOf(config)
    const factor = 1 + ['c2p', 'p2c'].filter((name) => names.includes(name)).length
    const scale = 1 / Math.sqrt((D / heads) * factor)
    const scalar = ops.scalar(scale)
    const mask = pairBias(ops, inputs.attentionMask)
    const counts = ops.reshape(ops.float(inputs.attentionMask), [0, -1, 1])
    const isNormed = config.normRelEbd
      .toLowerCase()
      .split('|')
      .some((name) => name.trim() === 'layer_norm')
    const convolution = (embedded: T, hidden: T): T => {
      const conv = w.at('encoder.conv')
      const out = ops.mul(convolved(ops, conv.at('conv'), config, embedded), counts)
      const active = ops.activation(ops.dropout(out, config.hiddenDropoutProb), activationOf(config.convAct))
      return ops.mul(ops.addLayerNorm(active, hidden, conv.at('LayerNorm').norm(D, eps)).normed, counts)
    }
    return debertaForward(ops, w, config, inputs, taps, {
      norm: isNormed ? (positions) => ops.layerNorm(positions, w.at('encoder.LayerNorm').norm(D, eps)) : undefined,
      afterFirst: config.convKernelSize > 0 ? convolution : undefined,
      attend(self, x, positions) {
        const layer = (name: string) => self.at(name).linear(D, D)
        const [query, key, value] = ops.linears(x, ['query_proj', 'key_proj', 'value_proj'].map(layer)) as [T, T, T]
        const unscaled = relativeScores(
          ops,
          config,
          inputs,
          { query, key, positions },
          {
            positionKey: has('c2p') ? layer(shareAttKey ? 'key_proj' : 'pos_key_proj') : undefined,
            positionQuery: has('p2c') ? layer(shareAttKey ? 'query_proj' : 'pos_query_proj') : undefined,
          },
        )
        const bias = unscaled === undefined ? mask : ops.add(ops.mul(unscaled, scalar), mask)
        const dropout = config.attentionProbsDropoutProb
        return ops.attention(query, key, value, { heads, scale, bias, dropout, probs: taps.attentions })
      },
    })
  },
}
