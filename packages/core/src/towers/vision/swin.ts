import { ConfigError, InputError } from '../../base/errors'
import { tensor, type Tensor } from '../../base/tensor'
import { activationOf } from '../../ops/activations'
import type { Norm, Ops } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { inLayer } from '../blocks'
import { type Grid, gridOf, pairOf } from '../grid'
import { trainedPatches } from '../patches'
import { poolingOf } from '../pooling'
import { positionEmbeddings, resized } from '../positions'
import type { Taps, TowerOutput, VisionConfig, VisionInputs, VisionTowerModule } from '../tower'
import { distanceIndex, gridIndex, isPadded, squareIndex, windowIndex, windowMask, type Windows } from '../windows'
import { SWIN_STATE_DICT } from './state-dict-names'
import type { SWIN_DEFAULTS, SwinConfig, Swinv2Config } from './swin.config'

type SwinLike = typeof SWIN_DEFAULTS & VisionConfig & { readonly pretrainedWindowSizes?: readonly number[] | null }

/** One stage of one version: its size, and how its windows attend. */
interface Stage {
  readonly dim: number
  readonly heads: number
  readonly windows: Windows
  /** The window that its distances were trained with; second version. */
  readonly trainedSide: number
}

/** Of the norms that have no eps in the config. */
const EPS = 1e-5

/** x `[B, L, D]` with a token of zeros behind the last. */
const withZero = <T>(ops: Ops<T>, x: T): T => ops.pad(x, 1, 0, 1)

/** Bias of windows of one stage, `[windows * heads, L, L]`, from that of distances `[(2 side - 1)², heads]`. */
function windowBias<T>(ops: Ops<T>, table: T, { windows, heads }: Stage, masked: number): T {
  const length = windows.side ** 2
  const rows = ops.gather(table, ops.constant(distanceIndex(windows.side)))
  const bias = ops.reshape(ops.transpose(rows, [1, 0]), [1, heads, length, length])
  const mask = ops.constant(windowMask(windows, masked))
  return ops.reshape(ops.add(mask, bias), [-1, length, length])
}

const sizeKey = ({ windows: { grid, side, shift } }: Stage): number[] => [...grid, side, shift]

/** The first version's: a table of biases. */
function tableBias<T>(ops: Ops<T>, w: Scope, stage: Stage): T {
  const rows = (2 * stage.windows.side - 1) ** 2
  const table = w.param('relative_position_bias_table', [rows, stage.heads], { kind: 'zeros' })
  return resized(ops, table, sizeKey(stage), () => windowBias(ops, ops.param(table), stage, -100))
}

/** Distances on a logarithmic scale, `[(2 side - 1)², 2]`. */
function distances({ windows: { side }, trainedSide }: Stage): Tensor<'float32'> {
  const span = 2 * side - 1
  const largest = trainedSide > 0 ? trainedSide - 1 : side > 1 ? side - 1 : 1
  const scaled = (position: number) => {
    const distance = ((position - side + 1) / largest) * 8
    return (Math.sign(distance) * Math.log2(Math.abs(distance) + 1)) / Math.log2(8)
  }
  const data = Array.from({ length: span * span }, (_, i) => [scaled(Math.floor(i / span)), scaled(i % span)])
  return tensor(Float32Array.from(data.flat()), [span * span, 2])
}

/** The second version's: what an MLP makes of the distances. */
function learnedBias<T>(ops: Ops<T>, w: Scope, stage: Stage): T {
  const mlp = w.at('continuous_position_bias_mlp')
  const first = mlp.at('0').linear(2, 512)
  const second = mlp.at('2').linear(512, stage.heads, { bias: false })
  return resized(ops, first.weight, sizeKey(stage), () => {
    const table = ops.linear(ops.linear(ops.constant(distances(stage)), first, 'relu'), second)
    const bounded = ops.mul(ops.activation(table, 'sigmoid'), ops.scalar(16))
    // transformers adds the mask twice.
    return windowBias(ops, bounded, stage, -200)
  })
}

/** Attention within windows, which are taken for heads: x `[B, H * W, D]`, normalised where the version does so. */
function windowAttention<T>(
  ops: Ops<T>,
  w: Scope,
  config: SwinLike,
  { dim, heads, windows, trainedSide }: Stage,
  x: T,
  { cosine, probs: wanted }: { readonly cosine: boolean; readonly probs?: boolean },
): { attended: T; probs?: T } {
  const self = w.at('self')
  const index = windowIndex(windows)
  const positions = windows.side ** 2
  const count = index.data.length / positions
  const layer = (name: string, bias: boolean) => self.at(name).linear(dim, dim, { bias })
  const { qkvBias } = config
  const gathered = ops.gather(isPadded(windows) ? withZero(ops, x) : x, ops.constant(index), 1)
  const projected = ops.linears(gathered, [
    layer('query', qkvBias),
    layer('key', qkvBias && !cosine),
    layer('value', qkvBias),
  ]) as [T, T, T]
  const [q, k, v] = cosine ? cosines(ops, self, heads, projected, dim) : projected
  const asHeads = (value: T): T => ops.reshape(value, [0, positions, count * dim])
  const stage = { dim, heads, windows, trainedSide }
  const { context, probs } = ops.attention(asHeads(q), asHeads(k), asHeads(v), {
    heads: count * heads,
    ...(cosine ? { scale: 1 } : {}),
    bias: cosine ? learnedBias(ops, self, stage) : tableBias(ops, self, stage),
    probs: wanted,
    dropout: config.attentionProbsDropoutProb,
  })
  const joined = ops.linear(ops.reshape(context, [0, positions * count, dim]), w.at('output.dense').linear(dim, dim))
  return {
    attended: ops.gather(joined, ops.constant(gridIndex(windows)), 1),
    probs: probs === undefined ? undefined : ops.reshape(probs, [-1, heads, positions, positions]),
  }
}

/** Queries and keys of length 1 in each head, the queries times the head's scale. */
function cosines<T>(ops: Ops<T>, w: Scope, heads: number, [q, k, v]: [T, T, T], dim: number): [T, T, T] {
  const unit = (x: T): T => ops.l2Normalize(ops.reshape(x, [0, 0, heads, dim / heads]), 1e-12)
  const whole = (x: T): T => ops.reshape(x, [0, 0, dim])
  const learned = ops.param(w.param('logit_scale', [heads, 1, 1], { kind: 'constant', value: Math.log(10) }))
  const negated = ops.sub(ops.scalar(0), ops.reshape(learned, [heads, 1]))
  const bounded = ops.sub(ops.scalar(0), ops.maximum(negated, ops.scalar(-Math.log(100))))
  return [whole(ops.mul(unit(q), ops.exp(bounded))), whole(unit(k)), v]
}

/** @param v2 norms come after attention and MLP, which compares by cosines */
function swinBlock<T>(
  ops: Ops<T>,
  w: Scope,
  config: SwinLike,
  stage: Stage,
  x: T,
  { v2, probs, dropPath }: { readonly v2: boolean; readonly probs?: boolean; readonly dropPath: number },
): { x: T; probs?: T } {
  const { dim } = stage
  const wide = Math.trunc(config.mlpRatio * dim)
  const norm = (name: string) => (y: T) => ops.layerNorm(y, w.at(name).norm(dim, config.layerNormEps))
  const [before, after] = [norm('layernorm_before'), norm('layernorm_after')]
  const attention = windowAttention(ops, w.at('attention'), config, stage, v2 ? x : before(x), { cosine: v2, probs })
  const attended = ops.dropout(attention.attended, v2 ? config.attentionProbsDropoutProb : config.hiddenDropoutProb)
  const middle = ops.add(x, ops.dropPath(v2 ? before(attended) : attended, dropPath))
  const widened = ops.linear(
    v2 ? middle : after(middle),
    w.at('intermediate.dense').linear(dim, wide),
    activationOf(config.hiddenAct),
  )
  const narrowed = ops.dropout(ops.linear(widened, w.at('output.dense').linear(wide, dim)), config.hiddenDropoutProb)
  return { x: ops.add(middle, v2 ? ops.dropPath(after(narrowed), dropPath) : narrowed), probs: attention.probs }
}

/** Each square of four tokens as one of twice the width. */
function merge<T>(ops: Ops<T>, w: Scope, grid: Grid, dim: number, x: T, v2: boolean): { x: T; grid: Grid } {
  const squares = squareIndex(grid)
  const isOdd = grid.some((size) => size % 2 === 1)
  const gathered = ops.gather(isOdd ? withZero(ops, x) : x, ops.constant(squares.index), 1)
  const joined = ops.reshape(gathered, [0, squares.grid[0] * squares.grid[1], 4 * dim])
  const reduction = w.at('reduction').linear(4 * dim, 2 * dim, { bias: false })
  const norm: Norm = w.at('norm').norm(v2 ? 2 * dim : 4 * dim, EPS)
  const y = v2 ? ops.layerNorm(ops.linear(joined, reduction), norm) : ops.linear(ops.layerNorm(joined, norm), reduction)
  return { x: y, grid: squares.grid }
}

/** Patches `[B, L, D]` and their grid: pixels that do not fill a patch are filled up with zeros. */
function embed<T>(ops: Ops<T>, w: Scope, config: SwinLike, { pixelValues, imageSize }: VisionInputs<T>) {
  const { embedDim: D } = config
  const patch = pairOf(config.patchSize)
  const missing = (axis: 0 | 1): number => (patch[axis] - (imageSize[axis] % patch[axis])) % patch[axis]
  const tall = missing(0) > 0 ? ops.pad(pixelValues, 2, 0, missing(0)) : pixelValues
  const filled = missing(1) > 0 ? ops.pad(tall, 3, 0, missing(1)) : tall
  const grid = gridOf([imageSize[0] + missing(0), imageSize[1] + missing(1)], patch)
  const layer = w.at('patch_embeddings.projection').patches(config.numChannels, D, patch)
  const x = ops.layerNorm(ops.patchEmbed(filled, layer), w.at('norm').norm(D, EPS))
  if (!config.useAbsoluteEmbeddings) return { x, grid }
  const trainedSize = pairOf(config.imageSize)
  const positions = w.param('position_embeddings', [1, trainedPatches(config), D], { kind: 'zeros' })
  const trained = gridOf(trainedSize, patch)
  const options = { trained, wanted: grid, imageSize, trainedSize, prefix: 0, hiddenSize: D }
  return { x: ops.add(x, positionEmbeddings(ops, positions, options)), grid }
}

/** The windows of a block, as the version sets them. @throws InputError where the first version's do not fit. */
function windowsOf(config: SwinLike, grid: Grid, stage: number, block: number, v2: boolean): Windows {
  const { windowSize: side } = config
  const shift = block % 2 === 0 ? 0 : Math.floor(side / 2)
  if (v2) {
    // By the trained size, whatever the picture's; transformers goes by the height.
    const [height] = gridOf(pairOf(config.imageSize), config.patchSize)
    const rows = Math.floor(height / 2 ** stage)
    return { grid, side: Math.min(rows, side), shift: rows <= side ? 0 : shift }
  }
  const least = Math.min(...grid)
  if (least < side)
    throw new InputError(
      'bad-image-size',
      `This picture has ${grid.join(' x ')} patches in stage ${stage + 1} of ${config.modelType}, fewer than its windows of ` +
        `${side} x ${side} take. Give a larger one.`,
    )
  return { grid, side, shift: least <= side ? 0 : shift }
}

function swinForward<T>(
  ops: Ops<T>,
  w: Scope,
  config: SwinLike,
  inputs: VisionInputs<T>,
  taps: Taps,
  v2 = false,
): TowerOutput<T> {
  const { depths, numHeads, embedDim, hiddenSize } = config
  const pooling = poolingOf(config, true)
  let { x, grid } = embed(ops, w.at('embeddings'), config, inputs)
  x = ops.dropout(x, config.hiddenDropoutProb)
  const [hiddenStates, attentions]: [T[], T[]] = [[x], []]
  const count = depths.reduce((sum, depth) => sum + depth, 0)
  let before = 0
  depths.forEach((depth, index) => {
    const at = w.at(`encoder.layers.${index}`)
    const [dim, heads] = [embedDim * 2 ** index, numHeads[index] ?? 1]
    if (dim % heads !== 0)
      throw new ConfigError(
        'bad-config-value',
        `${config.modelType} config: stage ${index + 1} has ${dim} channels, which must be a multiple of its ${heads} heads.`,
      )
    const trainedSide = config.pretrainedWindowSizes?.[index] ?? 0
    for (let block = 0; block < depth; block++) {
      const stage = { dim, heads, trainedSide, windows: windowsOf(config, grid, index, block, v2) }
      const dropPath = (config.dropPathRate * before++) / Math.max(count - 1, 1)
      // transformers gives the probabilities of each stage's last block.
      const probs = taps.attentions && block === depth - 1
      const entering = x
      const made = inLayer(ops, () =>
        swinBlock(ops, at.at(`blocks.${block}`), config, stage, entering, { v2, probs, dropPath }),
      )
      x = made.x
      if (probs && made.probs !== undefined) attentions.push(made.probs)
    }
    if (index < depths.length - 1) ({ x, grid } = merge(ops, at.at('downsample'), grid, dim, x, v2))
    hiddenStates.push(x)
  })
  const last = ops.layerNorm(x, w.at('layernorm').norm(hiddenSize, config.layerNormEps))
  return {
    lastHiddenState: last,
    poolerOutput: pooling === 'max' ? ops.maxTokens(last) : ops.meanTokens(last),
    ...(taps.hiddenStates ? { hiddenStates } : {}),
    ...(taps.attentions ? { attentions } : {}),
  }
}

const SHARED = {
  kind: 'vision',
  imageSizes: ({ useAbsoluteEmbeddings }: SwinLike) =>
    useAbsoluteEmbeddings ? ('interpolated' as const) : ('any' as const),
  smallestImage: () => [1, 1] as const,
  // Buffers of older versions, and of masked pre-training.
  staleNames: [/relative_position_index$/, /relative_coords_table$/, /^embeddings\.mask_token$/],
} as const

/** Liu et al.'s Swin (transformers' `SwinModel`). */
export const swin: VisionTowerModule<SwinConfig> = {
  ...SHARED,
  modelType: 'swin',
  otherNames: SWIN_STATE_DICT,
  forward: (ops, w, config, inputs, taps) => swinForward(ops, w, config, inputs, taps),
}

/** Liu et al.'s Swin v2 (transformers' `Swinv2Model`). */
export const swinv2: VisionTowerModule<Swinv2Config> = {
  ...SHARED,
  modelType: 'swinv2',
  forward(ops, w, config, inputs, taps) {
    if (config.useAbsoluteEmbeddings)
      throw new ConfigError(
        'unsupported-config',
        'swinv2: use_absolute_embeddings is true, which transformers fails on: its table has one row too many.',
      )
    return swinForward(ops, w, config, inputs, taps, true)
  },
}
