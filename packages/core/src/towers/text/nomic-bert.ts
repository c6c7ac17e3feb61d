import type { NomicBertConfig } from './nomic-bert.config'
import { activationOf } from '../../ops/activations'
import type { Ops } from '../../ops/ops'
import { rotate, type Rotation } from '../../ops/rotary'
import type { Scope } from '../../ops/scope'
import { embeddingTable, encoderOptions, pooledBy } from './bert'
import { gatedMlp, postNormEncoder, rowsOf, type PostNormLayer } from '../blocks'
import { BERT_INPUTS } from '../inputs'
import { rotaryInputs } from './rope'
import type { TextTowerModule, TowerNames } from '../tower'

const headSizeOf = ({ headDim, hiddenSize, numAttentionHeads }: NomicBertConfig): number =>
  headDim ?? hiddenSize / numAttentionHeads

const INPUTS = {
  ...BERT_INPUTS,
  ...rotaryInputs((config: NomicBertConfig) => ({
    headSize: headSizeOf(config),
    rope: { rope_theta: 1000, ...config.ropeParameters },
  })),
}

/** By the names of its checkpoints, which transformers 5 changes as it reads and writes. */
function layer<T>(ops: Ops<T>, w: Scope, config: NomicBertConfig, rotation: Rotation<T>): PostNormLayer<T> {
  const { hiddenSize: D, intermediateSize, numAttentionHeads: heads, layerNormEps: eps } = config
  const headSize = headSizeOf(config)
  const size = heads * headSize
  const linear = (name: string, inputs: number, outputs: number) => w.at(name).linear(inputs, outputs, { bias: false })
  const packed = linear('attn.Wqkv', D, 3 * size)
  return {
    attention: {
      query: rowsOf(packed, 0, size),
      key: rowsOf(packed, 1, size),
      value: rowsOf(packed, 2, size),
      output: linear('attn.out_proj', size, D),
      rotate: (x, firstOnly) => rotate(ops, x, rotation, { heads, headSize, firstOnly }),
    },
    attentionNorm: w.at('norm1').norm(D, eps),
    mlp: gatedMlp(
      ops,
      {
        gate: linear('mlp.fc12', D, intermediateSize),
        up: linear('mlp.fc11', D, intermediateSize),
        down: linear('mlp.fc2', intermediateSize, D),
      },
      activationOf(config.hiddenAct),
    ),
    outputNorm: w.at('norm2').norm(D, eps),
  }
}

/** Names that transformers 5 gives its weights in memory. */
const STATE_DICT: TowerNames = [
  [/^embeddings\.LayerNorm\./, 'emb_ln.'],
  [/^layers\./, 'encoder.layers.'],
  [/\.self_attn\.o_proj\./, '.attn.out_proj.'],
  [/\.post_attention_layernorm\./, '.norm1.'],
  [/\.post_mlp_layernorm\./, '.norm2.'],
  [/\.mlp\.up_proj\./, '.mlp.fc11.'],
  [/\.mlp\.gate_proj\./, '.mlp.fc12.'],
  [/\.mlp\.down_proj\./, '.mlp.fc2.'],
]

/** Nussbaum et al.'s Nomic BERT (transformers' `NomicBertModel`): a BERT with rotary positions and gated MLPs. */
export const nomicBert: TextTowerModule<NomicBertConfig, keyof typeof INPUTS> = {
  kind: 'text',
  modelType: 'nomic_bert',
  suits: () => ({ pooling: 'mean', because: 'nomic-embed-text was trained so' }),
  inputs: INPUTS,
  otherNames: STATE_DICT,
  joinedNames: [{ parts: ['.self_attn.q_proj.', '.self_attn.k_proj.', '.self_attn.v_proj.'], whole: '.attn.Wqkv.' }],
  forward(ops, w, config, inputs, taps) {
    const { hiddenSize: D } = config
    const embeddings = w.at('embeddings')
    const words = embeddingTable(embeddings, 'word_embeddings', [config.vocabSize, D], config.padTokenId)
    const types = embeddingTable(embeddings, 'token_type_embeddings', [config.typeVocabSize, D])
    const { normed } = ops.addLayerNorm(
      ops.embedding(inputs.inputIds, words),
      ops.embedding(inputs.tokenTypeIds, types),
      w.at('emb_ln').norm(D, config.layerNormEps),
    )
    const { last, ...collected } = postNormEncoder(
      ops,
      ops.dropout(normed, config.hiddenDropoutProb),
      (index) => layer(ops, w.at(`encoder.layers.${index}`), config, inputs),
      encoderOptions(config, inputs.attentionMask, taps),
    )
    const poolerOutput = pooledBy(ops, config.pooling, last, inputs.attentionMask, (first) => first)
    return { lastHiddenState: last, poolerOutput, ...collected }
  },
  maxLength: (config) => config.maxPositionEmbeddings,
}
