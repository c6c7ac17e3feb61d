import { ConfigError } from '../../base/errors'
import type { Ops, Projection } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { firstSuffices, pool } from '../blocks'
import type { VisionTowerModule } from '../tower'
import { clipVisionEncoder } from './clip'
import type { OpenCLIPVisionConfig } from './open-clip.config'

const sizeOf = ({ projectionSize, hiddenSize }: OpenCLIPVisionConfig): number => projectionSize ?? hiddenSize

/** x `[B, L, D]` -> `[B, P]`: what the first of the learned queries takes of all tokens (open_clip's `AttentionalPooler`). */
function attentionPool<T>(ops: Ops<T>, w: Scope, config: OpenCLIPVisionConfig, queries: number, x: T): T {
  const { hiddenSize: D, layerNormEps: eps, attnPoolerHeads: heads } = config
  const P = sizeOf(config)
  const attention = w.at('attn')
  const bias = attention.param('in_proj_bias', [3 * P], { kind: 'zeros' })
  const part = (index: number, name: string, from: number): Projection => ({
    weight: attention.param(name, [P, from], { kind: 'uniform', std: (2 / (P + from)) ** 0.5 }),
    bias: { ...bias, rows: [index * P, (index + 1) * P] },
  })
  const query = ops.reshape(ops.param(w.param('query', [queries, P], { kind: 'normal', std: 1 })), [1, queries, P])
  const first = ops.layerNorm(ops.sliceTokens(query, 0, 1), w.at('ln_q').norm(P, eps))
  const [k, v] = ops.linears(ops.layerNorm(x, w.at('ln_k').norm(D, eps)), [
    part(1, 'k_proj_weight', D),
    part(2, 'v_proj_weight', D),
  ]) as [T, T]
  const q = ops.linear(ops.expandToBatch(first, x), part(0, 'q_proj_weight', P))
  const { context } = ops.attention(q, k, v, { heads })
  return ops.token(ops.linear(context, attention.at('out_proj').linear(P, P, { std: P ** -0.5 })), 0)
}

/** open_clip's vision transformer where it is not CLIP's: CLIPA's without a norm before its layers, CoCa's with a pool by attention. */
export const openClipVision: VisionTowerModule<OpenCLIPVisionConfig> = {
  kind: 'vision',
  modelType: 'open_clip_vision_model',
  pooledSize: sizeOf,
  forward(ops, w, config, inputs, taps) {
    const { layerNormEps: eps, preLayernorm: preNorm, attnPoolerQueries: queries, pooling } = config
    if (queries && pooling)
      throw new ConfigError(
        'bad-config-value',
        `pooling is "${pooling}"; this tower pools by attention of its own. Leave it out.`,
      )
    const firstTokenOnly = !queries && firstSuffices(taps, pooling)
    const { last, ...collected } = clipVisionEncoder(ops, w, config, inputs, taps, { preNorm, firstTokenOnly })
    const pooled = queries
      ? attentionPool(ops, w.at('attn_pool'), config, queries, last)
      : pool(ops, pooling ?? 'cls', last, { prefix: 1 })
    const poolerOutput = ops.layerNorm(pooled, w.at('post_layernorm').norm(sizeOf(config), eps))
    return { lastHiddenState: last, poolerOutput, ...collected }
  },
}
