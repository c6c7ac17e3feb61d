import { CheckpointError } from '../../base/errors'
import { tensor } from '../../base/tensor'
import type { WeightEntry, Weights } from '../entry'
import { joinedRows, someRows } from '../rows'
import { transposed } from './names'

/** Weights of open_clip and what they are called here: the rows of the ones after one another are those of the others. */
interface Rule {
  readonly theirs: readonly string[]
  readonly ours: readonly string[]
  /** Each one's share of the rows; alike unless given. */
  readonly theirShares?: readonly number[]
  /** `[in, out]` in open_clip. */
  readonly turned?: boolean
  /** A leading axis of one in open_clip, or here. */
  readonly leading?: 'theirs' | 'ours'
}

/** A layer or a norm: its weight and its bias. */
const both = (theirs: string, ours: string): Rule[] =>
  ['weight', 'bias'].map((part) => ({ theirs: [`${theirs}.${part}`], ours: [`${ours}.${part}`] }))
const one = (theirs: string, ours: string, rest: Partial<Rule> = {}): Rule => ({
  theirs: [theirs],
  ours: [ours],
  ...rest,
})
const VIT_PARTS = ['query', 'key', 'value']
const packed = (theirs: (part: string) => string, ours: string, parts = ['q_proj', 'k_proj', 'v_proj']): Rule[] =>
  ['weight', 'bias'].map((part) => ({
    theirs: [theirs(part)],
    ours: parts.map((name) => `${ours}.${name}.${part}`),
  }))

/** open_clip's own transformer; `#` stands for a layer's number. */
const transformer = (theirs: string, ours: string): Rule[] => {
  const [from, to] = [`${theirs}resblocks.#`, `${ours}.encoder.layers.#`]
  return [
    ...packed((part) => `${from}.attn.in_proj_${part}`, `${to}.self_attn`),
    ...both(`${from}.attn.out_proj`, `${to}.self_attn.out_proj`),
    ...both(`${from}.ln_1`, `${to}.layer_norm1`),
    ...both(`${from}.ln_2`, `${to}.layer_norm2`),
    ...both(`${from}.mlp.c_fc`, `${to}.mlp.fc1`),
    ...both(`${from}.mlp.c_proj`, `${to}.mlp.fc2`),
  ]
}

const VIT: readonly Rule[] = [
  one('visual.class_embedding', 'vision_model.embeddings.class_embedding'),
  one('visual.positional_embedding', 'vision_model.embeddings.position_embedding.weight'),
  one('visual.conv1.weight', 'vision_model.embeddings.patch_embedding.weight'),
  // So misspelt in transformers.
  ...both('visual.ln_pre', 'vision_model.pre_layrnorm'),
  ...both('visual.ln_post', 'vision_model.post_layernorm'),
  one('visual.attn_pool.*', 'vision_model.attn_pool.*'),
  one('visual.proj', 'visual_projection.weight', { turned: true }),
  ...transformer('visual.transformer.', 'vision_model'),
]

/** Behind any of timm's towers. */
const TIMM_HEAD: readonly Rule[] = [
  ...both('visual.head.proj', 'visual_projection'),
  ...both('visual.head.mlp.fc1', 'visual_projection.fc1'),
  ...both('visual.head.mlp.fc2', 'visual_projection.fc2'),
]

const TIMM_LAYER = ['visual.trunk.blocks.#', 'vision_model.encoder.layers.#'] as const
const TIMM: readonly Rule[] = [
  ...both('visual.trunk.patch_embed.proj', 'vision_model.embeddings.patch_embedding'),
  one('visual.trunk.pos_embed', 'vision_model.embeddings.position_embedding.weight', { leading: 'theirs' }),
  ...both(`${TIMM_LAYER[0]}.norm1`, `${TIMM_LAYER[1]}.layer_norm1`),
  ...both(`${TIMM_LAYER[0]}.norm2`, `${TIMM_LAYER[1]}.layer_norm2`),
  ...packed((part) => `${TIMM_LAYER[0]}.attn.qkv.${part}`, `${TIMM_LAYER[1]}.self_attn`),
  ...both(`${TIMM_LAYER[0]}.attn.proj`, `${TIMM_LAYER[1]}.self_attn.out_proj`),
  ...both(`${TIMM_LAYER[0]}.mlp.fc1`, `${TIMM_LAYER[1]}.mlp.fc1`),
  ...both(`${TIMM_LAYER[0]}.mlp.fc2`, `${TIMM_LAYER[1]}.mlp.fc2`),
  ...both('visual.trunk.norm', 'vision_model.post_layernorm'),
  one('visual.trunk.attn_pool.latent', 'vision_model.head.probe'),
  ...['weight', 'bias'].map((part): Rule => ({
    theirs: [`visual.trunk.attn_pool.q.${part}`, `visual.trunk.attn_pool.kv.${part}`],
    theirShares: [1, 2],
    ours: [`vision_model.head.attention.in_proj_${part}`],
  })),
  ...both('visual.trunk.attn_pool.proj', 'vision_model.head.attention.out_proj'),
  ...both('visual.trunk.attn_pool.norm', 'vision_model.head.layernorm'),
  ...both('visual.trunk.attn_pool.mlp.fc1', 'vision_model.head.mlp.fc1'),
  ...both('visual.trunk.attn_pool.mlp.fc2', 'vision_model.head.mlp.fc2'),
  ...TIMM_HEAD,
]

const PLAIN_LAYER = ['visual.trunk.blocks.#', 'vision_model.encoder.layer.#'] as const
/** timm's plain towers with a class token, which are transformers' ViT. */
const TIMM_VIT: readonly Rule[] = [
  ...both('visual.trunk.patch_embed.proj', 'vision_model.embeddings.patch_embeddings.projection'),
  one('visual.trunk.cls_token', 'vision_model.embeddings.cls_token'),
  one('visual.trunk.pos_embed', 'vision_model.embeddings.position_embeddings'),
  ...both(`${PLAIN_LAYER[0]}.norm1`, `${PLAIN_LAYER[1]}.layernorm_before`),
  ...both(`${PLAIN_LAYER[0]}.norm2`, `${PLAIN_LAYER[1]}.layernorm_after`),
  ...packed((part) => `${PLAIN_LAYER[0]}.attn.qkv.${part}`, `${PLAIN_LAYER[1]}.attention.attention`, VIT_PARTS),
  ...both(`${PLAIN_LAYER[0]}.attn.proj`, `${PLAIN_LAYER[1]}.attention.output.dense`),
  ...both(`${PLAIN_LAYER[0]}.mlp.fc1`, `${PLAIN_LAYER[1]}.intermediate.dense`),
  ...both(`${PLAIN_LAYER[0]}.mlp.fc2`, `${PLAIN_LAYER[1]}.output.dense`),
  ...both('visual.trunk.norm', 'vision_model.layernorm'),
  ...TIMM_HEAD,
]

/** timm's ConvNeXt, which is transformers'. */
const TIMM_CONVNEXT: readonly Rule[] = [
  ...both('visual.trunk.stem.0', 'vision_model.embeddings.patch_embeddings'),
  ...both('visual.trunk.stem.1', 'vision_model.embeddings.layernorm'),
  ...[0, 1, 2, 3].flatMap((stage) => {
    const [theirs, ours] = [`visual.trunk.stages.${stage}`, `vision_model.encoder.stages.${stage}`]
    const [block, layer] = [`${theirs}.blocks.#`, `${ours}.layers.#`]
    return [
      ...both(`${theirs}.downsample.0`, `${ours}.downsampling_layer.0`),
      ...both(`${theirs}.downsample.1`, `${ours}.downsampling_layer.1`),
      ...both(`${block}.conv_dw`, `${layer}.dwconv`),
      ...both(`${block}.norm`, `${layer}.layernorm`),
      ...both(`${block}.mlp.fc1`, `${layer}.pwconv1`),
      ...both(`${block}.mlp.fc2`, `${layer}.pwconv2`),
      one(`${block}.gamma`, `${layer}.layer_scale_parameter`),
    ]
  }),
  ...both('visual.trunk.head.norm', 'vision_model.layernorm'),
  ...TIMM_HEAD,
]

/** open_clip's text transformer, in the model itself or under `text.`. */
const text = (under: string): readonly Rule[] => [
  ...both(`${under}token_embedding`, 'text_model.embeddings.token_embedding').slice(0, 1),
  one(`${under}cls_emb`, 'text_model.embeddings.class_embedding'),
  one(`${under}positional_embedding`, 'text_model.embeddings.position_embedding.weight'),
  ...both(`${under}ln_final`, 'text_model.final_layer_norm'),
  one(`${under}text_projection`, 'text_projection.weight', { turned: true }),
  // A projection with a bias is where SigLIP's text tower ends.
  ...both(`${under}text_projection`, 'text_model.head'),
  ...transformer(`${under}transformer.`, 'text_model'),
]

const LOGITS: readonly Rule[] = [one('logit_scale', 'logit_scale'), one('logit_bias', 'logit_bias')]

/** A text tower of transformers, whose names are its own. */
const HF: readonly Rule[] = [
  one('text.proj.weight', 'text_projection.weight'),
  one('text.proj.0.weight', 'text_projection.0.weight'),
  one('text.proj.2.weight', 'text_projection.2.weight'),
  one('text.transformer.*', 'text_model.*'),
]

/** What an open_clip model is made of, as far as the names of its weights depend on it. */
export interface OpenClipParts {
  readonly vision: 'vit' | 'timm' | 'timm-vit' | 'timm-convnext'
  readonly text: 'own' | 'custom' | 'hf'
}

const rulesOf = ({ vision, text: kind }: OpenClipParts): readonly Rule[] => [
  ...LOGITS,
  ...{ vit: VIT, timm: TIMM, 'timm-vit': TIMM_VIT, 'timm-convnext': TIMM_CONVNEXT }[vision],
  ...(kind === 'hf' ? HF : text(kind === 'own' ? '' : 'text.')),
]

const partsIn = (weights: Weights): OpenClipParts => {
  const has = (start: string) => [...weights.keys()].some((name) => name.startsWith(start))
  return {
    vision: has('visual.trunk.stem.')
      ? 'timm-convnext'
      : has('visual.trunk.cls_token')
        ? 'timm-vit'
        : has('visual.trunk.')
          ? 'timm'
          : 'vit',
    text: has('text.transformer.resblocks.') ? 'custom' : has('text.') ? 'hf' : 'own',
  }
}

const patternOf = (name: string): RegExp =>
  new RegExp(`^${name.replaceAll('.', '\\.').replace('#', '(\\d+)').replace('*', '(.+)')}$`)

const filled = (name: string, part: string | undefined): string => name.replace(/[#*]/, part ?? '')

/**
 * Weights renamed by rules. What no rule names stays as it is.
 * @param side whose names and layouts are given
 */
function renamed(weights: Weights, rules: readonly Rule[], side: 'theirs' | 'ours'): Map<string, WeightEntry> {
  const other = side === 'theirs' ? 'ours' : 'theirs'
  const result = new Map<string, WeightEntry>()
  const patterns = rules.flatMap((rule) => rule[side].map((name) => ({ rule, pattern: patternOf(name) })))
  for (const entry of weights.values()) {
    const found = patterns
      .map(({ rule, pattern }) => ({ rule, match: pattern.exec(entry.name) }))
      .find(({ match }) => match)
    if (!found) {
      result.set(entry.name, entry)
      continue
    }
    const { rule, match } = found
    const names = rule[other].map((name) => filled(name, match?.[1]))
    if (result.has(names[0]!)) continue
    const parts = rule[side].map((name) => weights.get(filled(name, match?.[1])))
    if (!parts.every((part) => part !== undefined))
      throw new CheckpointError(
        'missing-weights',
        `The checkpoint holds "${entry.name}" without ${rule[side].map((name) => `"${filled(name, match?.[1])}"`).join(' and ')}.`,
      )
    for (const made of split(parts, names, other === 'theirs' ? rule.theirShares : undefined))
      result.set(made.name, layout(made, rule, side))
  }
  return result
}

/** Rows of some weights as those of others. */
function split(
  parts: readonly WeightEntry[],
  names: readonly string[],
  shares: readonly number[] = names.map(() => 1),
): WeightEntry[] {
  const whole = parts.length > 1 ? joinedRows(parts[0]!.name, parts) : parts[0]!
  if (names.length === 1) return [{ ...whole, name: names[0]!, origin: whole.origin ?? whole.name }]
  const unit = (whole.shape[0] ?? 0) / shares.reduce((sum, share) => sum + share, 0)
  let at = 0
  return names.map((name, i) => someRows(whole, name, at, (at += shares[i]! * unit)))
}

function layout(entry: WeightEntry, { turned, leading }: Rule, side: 'theirs' | 'ours'): WeightEntry {
  if (turned) return transposed(entry, entry.name, [1, 0])
  if (!leading) return entry
  const shape = leading === side ? entry.shape.slice(1) : [1, ...entry.shape]
  return { ...entry, shape, read: async () => tensor((await entry.read()).data, shape) }
}

/** open_clip's weights by our names and in our layouts. */
export const fromOpenClip = (weights: Weights): Map<string, WeightEntry> => {
  const plain = new Map([...weights.values()].map((entry) => [entry.name.replace(/^module\./, ''), entry]))
  // CoCa's, which writes captions: no part of the two towers.
  for (const name of plain.keys()) if (name.startsWith('text_decoder.')) plain.delete(name)
  const named = new Map(
    [...plain].map(([name, entry]) => [name, { ...entry, name, read: () => entry.read() } as WeightEntry]),
  )
  return renamed(named, rulesOf(partsIn(named)), 'theirs')
}

/** Our weights by open_clip's names and in its layouts. */
export const toOpenClip = (weights: Weights, parts: OpenClipParts): Map<string, WeightEntry> =>
  renamed(weights, rulesOf(parts), 'ours')
