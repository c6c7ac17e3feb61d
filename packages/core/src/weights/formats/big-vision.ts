import { float32Of, sizeOf, tensor } from '../../base/tensor'
import { CheckpointError } from '../../base/errors'
import type { Source } from '../../files/types'
import type { WeightEntry, Weights } from '../entry'
import { joinedRows, someRows } from '../rows'
import { transposed } from './names'
import { openNpz } from './npz'
import { sincosPositions } from './sincos'

/** What a source that cannot list its files is asked for. */
const NAME = 'big_vision.npz'

/** The one `.npz` of a source. @throws CheckpointError where there are several */
export async function npzIn(source: Source): Promise<string | undefined> {
  if (!source.list) return (await source.read(NAME, [0, 1])) && NAME
  const found = (await source.list()).filter((name) => name.endsWith('.npz'))
  if (found.length <= 1 || found.includes(NAME)) return found.includes(NAME) ? NAME : found[0]
  throw new CheckpointError(
    'several-checkpoints',
    `${source.describe} holds ${found.length} .npz files (${found.slice(0, 3).join(', ')}). Give the path of one of them.`,
  )
}

/** The same values as another shape. */
const reshaped = (entry: WeightEntry, shape: readonly number[]): WeightEntry => ({
  ...entry,
  shape,
  read: async () => tensor((await entry.read()).data, shape),
})

const renamed = (entry: WeightEntry, name: string): WeightEntry => ({
  ...entry,
  name,
  origin: entry.origin ?? entry.name,
  read: () => entry.read(),
})

/** What a text tower that is a BERT has. */
export const BERT_WORDS = 'txt/BertEncoder_0/embedder/embedders_token_ids'

/** Where a training's state holds the model: optax's, and that of Flax's own optimizers before it. */
const STATES = ['params/', 'opt/target/']

/** What had another place before 2022. */
const MOVED: readonly (readonly [RegExp, string])[] = [
  [/^img\/Transformer\/(?:posembed_input\/)?pos_embedding$/, 'img/pos_embedding'],
  [/^img\/(probe|MlpBlock_0|MultiHeadDotProductAttention_0|LayerNorm_0)(?=\/|$)/, 'img/MAPHead_0/$1'],
]

/** Modules by their number among those of their class: before Flax's linen they were numbered whatever their class. */
function renumbered(names: readonly string[]): string[] {
  /** By a module's path without its number: the numbers that there are. */
  const numbers = new Map<string, Set<number>>()
  const each = (name: string, number: (module: string, own: string) => string): string => {
    const parts = name.split('/')
    return parts
      .map((part, depth) => {
        const [, module, own] = /^(.*_)(\d+)$/.exec(part) ?? []
        return module === undefined ? part : module + number([...parts.slice(0, depth), module].join('/'), own!)
      })
      .join('/')
  }
  for (const name of names)
    each(name, (module, own) => {
      numbers.set(module, (numbers.get(module) ?? new Set()).add(Number(own)))
      return own
    })
  const ranked = new Map([...numbers].map(([module, found]) => [module, [...found].toSorted((a, b) => a - b)]))
  return names.map((name) => each(name, (module, own) => String(ranked.get(module)!.indexOf(Number(own)))))
}

/** Parameters of a `two_towers` model by their present names (`img/...`, `txt/...`, `t`, `b`), each layer by itself. */
export async function openTwoTowers(source: Source, file: string): Promise<Map<string, WeightEntry> | undefined> {
  const arrays = await openNpz(source, file)
  if (!arrays) return undefined
  // A training's state holds the optimizer's beside the model.
  const prefix = STATES.find((state) => [...arrays.keys()].some((name) => name.startsWith(state))) ?? ''
  const entries = [...arrays.values()].filter(({ name }) => name.startsWith(prefix))
  const names = renumbered(entries.map(({ name }) => name.slice(prefix.length)))
  const found = new Map<string, WeightEntry>()
  for (const [index, entry] of entries.entries()) {
    const name = MOVED.reduce((at, [from, to]) => at.replace(from, to), names[index]!)
    const stacked = name.replace(/\/encoderblock\//, '/encoderblock_#/')
    if (stacked === name) found.set(name, renamed(entry, name))
    else
      for (let layer = 0; layer < (entry.shape[0] ?? 0); layer++) {
        const one = someRows(entry, stacked.replace('#', String(layer)), layer, layer + 1)
        found.set(one.name, reshaped(one, entry.shape.slice(1)))
      }
  }
  if (!found.has('img/embedding/kernel') || ![...found.keys()].some((name) => name.startsWith('txt/')))
    throw new CheckpointError(
      'no-two-towers',
      `${file} of ${source.describe} holds no two_towers model of big_vision, which has img/embedding/kernel and txt/...`,
    )
  return found
}

/** Where a transformer's parts are called what: big_vision's name and ours, `#` a layer's number. */
type Names = readonly (readonly [theirs: string, ours: string])[]

const BLOCK: Names = [
  ['LayerNorm_0', 'layer_norm1'],
  ['LayerNorm_1', 'layer_norm2'],
  ['MlpBlock_0/Dense_0', 'mlp.fc1'],
  ['MlpBlock_0/Dense_1', 'mlp.fc2'],
  ['MultiHeadDotProductAttention_0/query', 'self_attn.q_proj'],
  ['MultiHeadDotProductAttention_0/key', 'self_attn.k_proj'],
  ['MultiHeadDotProductAttention_0/value', 'self_attn.v_proj'],
  ['MultiHeadDotProductAttention_0/out', 'self_attn.out_proj'],
]
const VIT_BLOCK: readonly string[] = [
  'layernorm_before',
  'layernorm_after',
  'intermediate.dense',
  'output.dense',
  ...['query', 'key', 'value'].map((part) => `attention.attention.${part}`),
  'attention.output.dense',
]

const blocks = (theirs: string, ours: string, names: readonly string[] = BLOCK.map(([, name]) => name)): Names =>
  BLOCK.map(([part], i) => [`${theirs}/encoderblock_#/${part}`, `${ours}.#.${names[i]!}`])

/** A pool by attention from a learned probe: what it is called, and here. */
const MAPS = [
  ['img/MAPHead_0', 'vision_model.head'],
  ['txt/MAPHead_0', 'text_model.pooler'],
] as const
const mapNames = ([theirs, ours]: (typeof MAPS)[number]): Names => [
  [`${theirs}/LayerNorm_0`, `${ours}.layernorm`],
  [`${theirs}/MlpBlock_0/Dense_0`, `${ours}.mlp.fc1`],
  [`${theirs}/MlpBlock_0/Dense_1`, `${ours}.mlp.fc2`],
  [`${theirs}/MultiHeadDotProductAttention_0/out`, `${ours}.attention.out_proj`],
]

const SIGLIP_IMAGE: Names = [
  ['img/embedding', 'vision_model.embeddings.patch_embedding'],
  ...blocks('img/Transformer', 'vision_model.encoder.layers'),
  ['img/Transformer/encoder_norm', 'vision_model.post_layernorm'],
  ...mapNames(MAPS[0]),
  ['img/head', 'visual_projection'],
]
const VIT_IMAGE: Names = [
  ['img/embedding', 'vision_model.embeddings.patch_embeddings.projection'],
  ...blocks('img/Transformer', 'vision_model.encoder.layer', VIT_BLOCK),
  ['img/Transformer/encoder_norm', 'vision_model.layernorm'],
  ['img/pre_logits', 'vision_model.pooler.dense'],
  ['img/head', 'visual_projection'],
]
const TEXT: Names = [
  ['txt/Embed_0', 'text_model.embeddings.token_embedding'],
  ...blocks('txt/Encoder_0', 'text_model.encoder.layers'),
  ['txt/Encoder_0/encoder_norm', 'text_model.final_layer_norm'],
  ...mapNames(MAPS[1]),
  ['txt/head', 'text_model.head'],
]
const LAYER = ['txt/BertEncoder_0/encoder_block/layer_sequence/layers_#', 'text_model.encoder.layer.#'] as const
/** Flaxformer's BERT, LiT's text tower. */
const BERT_TEXT: Names = [
  [BERT_WORDS, 'text_model.embeddings.word_embeddings'],
  ['txt/BertEncoder_0/embedder/embedders_position_ids', 'text_model.embeddings.position_embeddings'],
  ['txt/BertEncoder_0/embedder/embedders_segment_ids', 'text_model.embeddings.token_type_embeddings'],
  ['txt/BertEncoder_0/layer_norm', 'text_model.embeddings.LayerNorm'],
  ...['query', 'key', 'value'].map(
    (part) => [`${LAYER[0]}/attention_block/attention_layer/${part}`, `${LAYER[1]}.attention.self.${part}`] as const,
  ),
  [`${LAYER[0]}/attention_block/dense_layer`, `${LAYER[1]}.attention.output.dense`],
  [`${LAYER[0]}/attention_block/layer_norm`, `${LAYER[1]}.attention.output.LayerNorm`],
  [`${LAYER[0]}/mlp_block/mlp/dense_layer`, `${LAYER[1]}.intermediate.dense`],
  [`${LAYER[0]}/mlp_block/dense_layer`, `${LAYER[1]}.output.dense`],
  [`${LAYER[0]}/mlp_block/layer_norm`, `${LAYER[1]}.output.LayerNorm`],
  ['txt/head', 'text_projection'],
]

const LEAVES: Readonly<Record<string, string>> = {
  kernel: 'weight',
  scale: 'weight',
  embedding: 'weight',
  bias: 'bias',
}

/** A weight in PyTorch's layout, from Flax's: attention's kernels have an axis for the heads. */
function laidOut(entry: WeightEntry, name: string): WeightEntry {
  const { shape } = entry
  const [leaf, part] = [entry.name.split('/').at(-1), entry.name.split('/').at(-2)]
  if (leaf === 'bias') return shape.length > 1 ? reshaped(renamed(entry, name), [sizeOf(shape)]) : renamed(entry, name)
  if (leaf !== 'kernel') return renamed(entry, name)
  if (shape.length === 4) return transposed(entry, name, [3, 2, 0, 1])
  if (shape.length === 2) return transposed(entry, name, [1, 0])
  const [a = 0, b = 0, c = 0] = shape
  return part === 'out'
    ? reshaped(transposed(entry, name, [2, 0, 1]), [c, a * b])
    : reshaped(transposed(entry, name, [1, 2, 0]), [b * c, a])
}

/** Weights that are the sum of two, the first of them with zeros before its rows where it has fewer. */
const summed = (a: WeightEntry, b: WeightEntry): WeightEntry => ({
  ...renamed(a, a.name),
  location: undefined,
  async read() {
    const [x, y] = (await Promise.all([a.read(), b.read()])).map(float32Of) as [Float32Array, Float32Array]
    return tensor(
      x.map((value, i) => value + y[i]!),
      a.shape,
    )
  },
})

/** Positions `[1, N, D]` with a row of zeros for the class token, which big_vision adds after them. */
const withZeroRow = (entry: WeightEntry, name: string): WeightEntry => {
  const [, rows = 0, size = 0] = entry.shape
  const shape = [1, rows + 1, size]
  return {
    ...renamed(entry, name),
    shape,
    location: undefined,
    async read() {
      const data = new Float32Array((rows + 1) * size)
      data.set(float32Of(await entry.read()), size)
      return tensor(data, shape)
    },
  }
}

/** big_vision's parameters by our names: SigLIP's towers, or ViT where the picture has a class token, or BERT for the text. */
export function fromBigVision(params: Weights): Map<string, WeightEntry> {
  const result = new Map<string, WeightEntry>()
  const add = (entry: WeightEntry) => result.set(entry.name, entry)
  const isVit = params.has('img/cls')
  const text = params.has(`${BERT_WORDS}/embedding`) ? BERT_TEXT : TEXT
  const patterns = [...(isVit ? VIT_IMAGE : SIGLIP_IMAGE), ...text].map(
    ([theirs, ours]) => [new RegExp(`^${theirs.replace('#', '(\\d+)')}/([a-z]+)$`), ours] as const,
  )
  for (const entry of params.values()) {
    const found = patterns
      .map(([pattern, ours]) => ({ ours, match: pattern.exec(entry.name) }))
      .find((one) => one.match)
    const leaf = found?.match?.at(-1)
    if (!found || !leaf || !Object.hasOwn(LEAVES, leaf)) continue
    add(laidOut(entry, `${found.ours.replace('#', found.match![1]!)}.${LEAVES[leaf]!}`))
  }
  const special: Record<string, (entry: WeightEntry) => WeightEntry> = {
    t: (entry) => renamed(entry, 'logit_scale'),
    b: (entry) => renamed(entry, 'logit_bias'),
    'txt/pos_embedding'(entry) {
      const extra = params.get('txt/Encoder_0/pos_embedding')
      const whole = extra ? summed(entry, extra) : entry
      return reshaped(renamed(whole, 'text_model.embeddings.position_embedding.weight'), entry.shape.slice(1))
    },
    'img/pos_embedding'(entry) {
      if (!isVit)
        return reshaped(renamed(entry, 'vision_model.embeddings.position_embedding.weight'), entry.shape.slice(1))
      const name = 'vision_model.embeddings.position_embeddings'
      return Number.isInteger(Math.sqrt(entry.shape[1] ?? 0)) ? withZeroRow(entry, name) : renamed(entry, name)
    },
    'img/cls': (entry) => renamed(entry, 'vision_model.embeddings.cls_token'),
    ...Object.fromEntries(
      MAPS.map(([theirs, ours]) => [`${theirs}/probe`, (entry: WeightEntry) => renamed(entry, `${ours}.probe`)]),
    ),
  }
  // `posemb: sincos2d` is computed.
  if (!params.has('img/pos_embedding')) {
    const [name, before] = isVit ? (['position_embeddings', 1] as const) : (['position_embedding.weight', 0] as const)
    add(sincosPositions(`vision_model.embeddings.${name}`, params.get('img/embedding/kernel')!.shape.at(-1)!, before))
  }
  const read = new Set(['txt/Encoder_0/pos_embedding'])
  for (const [name, make] of Object.entries(special)) {
    const entry = params.get(name)
    if (entry) add(make(entry))
    read.add(name)
  }
  for (const [theirs, ours] of MAPS)
    for (const leaf of ['kernel', 'bias']) {
      const parts = ['query', 'key', 'value'].flatMap(
        (part) => params.get(`${theirs}/MultiHeadDotProductAttention_0/${part}/${leaf}`) ?? [],
      )
      if (parts.length < 3) continue
      const name = `${ours}.attention.in_proj_${LEAVES[leaf]!}`
      const laid = parts.map((part) => laidOut(part, name))
      add(joinedRows(name, laid))
      for (const part of parts) read.add(part.name)
    }
  // What has no place is told by its own name, as any weight that a model has not.
  const named = (name: string) => read.has(name) || patterns.some(([pattern]) => pattern.test(name))
  for (const entry of params.values()) if (!named(entry.name)) add(entry)
  return result
}
