import type { Ops } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { onlyPooled, pool, preNormEncoder } from '../blocks'
import { ATTENTION_MASK, endPositions, INPUT_IDS, POSITION_IDS } from '../inputs'
import type { Taps, TextTowerModule, TowerOutput } from '../tower'
import { clipLayer, type ClipLayerStd, clipStd } from '../vision/clip'
import type { CLIP_TEXT_DEFAULTS, CLIPTextConfig, MetaClip2TextConfig } from './clip-text.config'

const ROW_INPUTS = { inputIds: INPUT_IDS, attentionMask: ATTENTION_MASK, positionIds: POSITION_IDS }

type RowConfig = Omit<typeof CLIP_TEXT_DEFAULTS, 'initializerRange' | 'initializerFactor' | 'eosTokenId'>

/** CLIP's text transformer, which SigLIP shares, up to its last norm. */
export function clipTextEncoder<T>(
  ops: Ops<T>,
  w: Scope,
  config: Omit<RowConfig, 'projectionDim'>,
  inputs: Readonly<Record<keyof typeof ROW_INPUTS, T>>,
  taps: Taps,
  options: {
    readonly std: ClipLayerStd
    readonly tableStd: number
    readonly causal: boolean
    /** What stands for the words `[B, L, D]`: themselves unless given. */
    readonly words?: (x: T) => T
  },
): { last: T } & Omit<TowerOutput<T>, 'poolerOutput' | 'lastHiddenState'> {
  const { std, tableStd, causal, words = (x) => x } = options
  const { hiddenSize: D, layerNormEps: eps } = config
  const embeddings = w.at('embeddings')
  const table = (name: string, rows: number) =>
    embeddings.at(name).param('weight', [rows, D], { kind: 'normal', std: tableStd })
  const x = words(ops.embedding(inputs.inputIds, table('token_embedding', config.vocabSize)))
  const positions = ops.embedding(inputs.positionIds, table('position_embedding', config.maxPositionEmbeddings))
  return preNormEncoder(
    ops,
    ops.add(x, positions),
    (index) => clipLayer(ops, w.at(`encoder.layers.${index}`), config, std),
    w.at('final_layer_norm').norm(D, eps),
    {
      layers: config.numHiddenLayers,
      heads: config.numAttentionHeads,
      taps,
      attentionDropout: config.attentionDropout,
      keyMask: inputs.attentionMask,
      causal,
    },
  )
}

/** Radford et al.'s text transformer: causal, pooled where the text ends (transformers' `CLIPTextModel`). */
function clipTextTower<C extends CLIPTextConfig | MetaClip2TextConfig>(modelType: string, oldConfigs: boolean) {
  const inputs = { ...ROW_INPUTS, endPositions: endPositions(oldConfigs) }
  const tower: TextTowerModule<C, keyof typeof inputs> = {
    kind: 'text',
    modelType,
    innerName: 'text_model',
    staleNames: [/^embeddings\.position_ids$/],
    inputs,
    seesPadding: true,
    maxLength: (config) => config.maxPositionEmbeddings,
    forward(ops, w, config, inputs, taps) {
      const { pooling } = config
      const { last, ...collected } = clipTextEncoder(ops, w, config, inputs, taps, {
        std: clipStd(config),
        tableStd: config.initializerFactor * 0.02,
        causal: true,
      })
      const poolerOutput = pooling
        ? pool(ops, pooling, last, { mask: inputs.attentionMask })
        : ops.tokenAt(last, inputs.endPositions)
      return { ...(onlyPooled(taps) ? {} : { lastHiddenState: last }), poolerOutput, ...collected }
    },
  }
  return tower
}

export const clipText = /* @__PURE__ */ clipTextTower<CLIPTextConfig>('clip_text_model', true)
export const metaClip2Text = /* @__PURE__ */ clipTextTower<MetaClip2TextConfig>('metaclip_2_text_model', false)
