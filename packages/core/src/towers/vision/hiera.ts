import { ConfigError, InputError } from '../../base/errors'
import { tensor, type Tensor } from '../../base/tensor'
import { activationOf } from '../../ops/activations'
import type { Norm, Ops, Projection } from '../../ops/ops'
import type { Scope } from '../../ops/scope'
import { inLayer, mlp, rowsOf } from '../blocks'
import { type Grid, gridOf } from '../grid'
import { poolingOf } from '../pooling'
import { positionEmbeddings } from '../positions'
import type { Taps, TowerOutput, VisionInputs, VisionTowerModule } from '../tower'
import type { HieraConfig } from './hiera.config'

const area = ([height, width]: readonly [number, number]): number => height * width

/** Pixels of a mask unit, down and across: pictures are whole multiples. */
function unitOf({ patchStride, maskedUnitSize }: HieraConfig): readonly [number, number] {
  return [patchStride[0] * maskedUnitSize[0], patchStride[1] * maskedUnitSize[1]]
}

/**
 * The order in which tokens of the grid are kept (transformers' `unroll`): those that one token of the next stage is the
 * largest of lie a fixed number apart, and the last stage's are row by row.
 */
function unrolled([height, width]: Grid, { queryStride: [down, across], depths }: HieraConfig): Tensor<'int32'> {
  const index = new Int32Array(height * width)
  index.forEach((_, token) => {
    let [y, x, at] = [Math.floor(token / width), token % width, 0]
    let rest = height * width
    for (let step = 1; step < depths.length; step++) {
      rest /= down * across
      at += ((y % down) * across + (x % across)) * rest
      ;[y, x] = [Math.floor(y / down), Math.floor(x / across)]
    }
    index[at + y * Math.floor(width / across ** (depths.length - 1)) + x] = token
  })
  return tensor(index, [index.length])
}

/** One layer: its sizes, and how it attends. */
interface Layer {
  readonly from: number
  readonly to: number
  readonly heads: number
  /** How many tokens each of its own is the largest of. */
  readonly stride: number
  readonly windows: number
  readonly tokens: number
  readonly dropPath: number
}

/** transformers draws biases as constants. */
function filled<L extends Projection | Norm>(layer: L, std: number, weight = layer.weight): L {
  return { ...layer, weight, bias: layer.bias && { ...layer.bias, init: { kind: 'constant', value: std } } }
}
const linear = (w: Scope, from: number, to: number): Projection => filled(w.linear(from, to), w.std)

function normOf(w: Scope, size: number, { layerNormEps, layerNormInit: value }: HieraConfig): Norm {
  return filled(w.norm(size, layerNormEps), w.std, w.param('weight', [size], { kind: 'constant', value }))
}

/** Of each `stride` tokens of x `[B, L, D]`, a fixed number apart, the largest values. */
function largest<T>(ops: Ops<T>, x: T, { stride, tokens, windows }: Layer, size: number): T {
  return stride === 1 ? x : ops.max(ops.reshape(x, [0, stride, (tokens * windows) / stride, size]), [1])
}

/** x `[B, L, from]`, normalised: attention in windows, which are taken for heads. */
function unitAttention<T>(
  ops: Ops<T>,
  w: Scope,
  layer: Layer,
  x: T,
  wanted: boolean | undefined,
): { attended: T; probs?: T } {
  const { from, to, heads, windows, tokens, stride } = layer
  const packed = linear(w.at('qkv'), from, 3 * to)
  const [q, k, v] = ops.linears(
    x,
    [0, 1, 2].map((part) => rowsOf(packed, part, to)),
  ) as [T, T, T]
  const asHeads = (value: T, length: number): T => ops.reshape(value, [0, length, windows * to])
  const { context, probs } = ops.attention(
    asHeads(largest(ops, q, layer, to), tokens / stride),
    asHeads(k, tokens),
    asHeads(v, tokens),
    { heads: windows * heads, scale: (to / heads) ** -0.5, probs: wanted },
  )
  const joined = ops.reshape(context, [0, (tokens / stride) * windows, to])
  return {
    attended: ops.linear(joined, linear(w.at('proj'), to, to)),
    probs:
      probs === undefined
        ? undefined
        : ops.transpose(ops.reshape(probs, [0, windows, heads, tokens / stride, tokens]), [0, 2, 1, 3, 4]),
  }
}

function hieraLayer<T>(
  ops: Ops<T>,
  w: Scope,
  config: HieraConfig,
  layer: Layer,
  x: T,
  wanted: boolean | undefined,
): { x: T; probs?: T } {
  const { from, to, dropPath } = layer
  const wide = Math.trunc(to * config.mlpRatio)
  const normed = ops.layerNorm(x, normOf(w.at('layernorm_before'), from, config))
  const residual = from === to ? x : largest(ops, ops.linear(normed, linear(w.at('proj'), from, to)), layer, to)
  const { attended, probs } = unitAttention(ops, w.at('attn'), layer, normed, wanted)
  const middle = ops.add(residual, ops.dropPath(attended, dropPath))
  const [fc1, fc2] = [linear(w.at('mlp.fc1'), to, wide), linear(w.at('mlp.fc2'), wide, to)]
  const y = ops.layerNorm(middle, normOf(w.at('layernorm_after'), to, config))
  return { x: ops.add(middle, ops.dropPath(mlp(ops, fc1, activationOf(config.hiddenAct), fc2)(y), dropPath)), probs }
}

/** The layers of each stage, for pictures of `length` tokens. */
function stagesOf(config: HieraConfig, length: number): Layer[][] {
  const { depths, numHeads, numQueryPool, maskedUnitAttention, dropPathRate } = config
  const count = depths.reduce((sum, depth) => sum + depth, 0)
  let [before, left] = [0, length]
  return depths.map((depth, stage) =>
    Array.from({ length: depth }, (_, index): Layer => {
      const [from, to] = [config.sizeOf(index === 0 ? Math.max(stage - 1, 0) : stage), config.sizeOf(stage)]
      const stride = index === 0 && stage > 0 && stage <= numQueryPool ? area(config.queryStride) : 1
      // The layer that leaves a stage of windows still attends in them.
      const inWindows = maskedUnitAttention[stage] || (index === 0 && maskedUnitAttention[Math.max(stage - 1, 0)])
      const window = Math.trunc(area(config.maskedUnitSize) / area(config.queryStride) ** stage)
      const tokens = inWindows ? stride * window : left
      const layer = { from, to, heads: numHeads[stage] ?? 1, stride, tokens, windows: left / tokens }
      left /= stride
      return { ...layer, dropPath: (dropPathRate * before++) / Math.max(count - 1, 1) }
    }),
  )
}

/** Patches, which overlap, with positions `[B, L, D]`. */
function embed<T>(ops: Ops<T>, w: Scope, config: HieraConfig, { pixelValues, imageSize }: VisionInputs<T>, grid: Grid) {
  const { embedDim: D, numChannels, patchSize, patchStride: strides, patchPadding, imageSize: trainedSize } = config
  const [down, across] = patchPadding
  const layer = filled(w.at('patch_embeddings.projection').patches(numChannels, D, patchSize), w.std)
  const map = ops.conv2d(pixelValues, layer, { strides, padding: [down, across, down, across] })
  const patches = ops.transpose(ops.reshape(map, [0, D, area(grid)]), [0, 2, 1])
  const trained = gridOf(trainedSize, strides)
  const positions = w.param('position_embeddings', [1, area(trained), D])
  const options = { trained, wanted: grid, imageSize, trainedSize, prefix: 0, hiddenSize: D }
  return ops.add(patches, positionEmbeddings(ops, positions, options))
}

/** @throws ConfigError, InputError where transformers fails */
function check(config: HieraConfig, imageSize: readonly [number, number], grid: Grid): void {
  const { depths, numHeads, queryStride, numQueryPool, maskedUnitSize, patchSize, patchStride, patchPadding } = config
  const fault = (text: string) => new ConfigError('bad-config-value', `hiera config: ${text}`)
  depths.forEach((_, stage) => {
    const [dim, heads] = [config.sizeOf(stage), numHeads[stage] ?? 1]
    if (dim % heads !== 0)
      throw fault(`stage ${stage + 1} has ${dim} channels, which must be a multiple of its ${heads} heads.`)
    if (stage > 0 && stage <= numQueryPool && area(queryStride) > 1 && dim === config.sizeOf(stage - 1))
      throw fault(`stage ${stage + 1} has fewer tokens, so that it needs more channels: embed_dim_multiplier is 1.`)
  })
  const steps = queryStride.map((size) => size ** (depths.length - 1))
  if (maskedUnitSize.some((size, axis) => size % (steps[axis] as number) !== 0))
    throw fault(
      `masked_unit_size ${maskedUnitSize.join(' x ')} must be a multiple of ${steps.join(' x ')} (query_stride).`,
    )
  const unit = unitOf(config)
  const whole = imageSize.every((size, axis) => {
    const [patch, stride, padding] = [patchSize[axis] ?? 0, patchStride[axis] ?? 1, patchPadding[axis] ?? 0]
    return size % (unit[axis] as number) === 0 && Math.floor((size + 2 * padding - patch) / stride) + 1 === grid[axis]
  })
  if (!whole)
    throw new InputError(
      'bad-image-size',
      `This picture is ${imageSize.join(' x ')}, and hiera takes whole multiples of ${unit.join(' x ')} pixels. Resize it.`,
    )
}

/** Ryali et al.'s Hiera (transformers' `HieraModel`). */
export const hiera: VisionTowerModule<HieraConfig> = {
  kind: 'vision',
  modelType: 'hiera',
  smallestImage: unitOf,
  forward<T>(ops: Ops<T>, w: Scope, config: HieraConfig, inputs: VisionInputs<T>, taps: Taps): TowerOutput<T> {
    const pooling = poolingOf(config, true)
    const grid = gridOf(inputs.imageSize, config.patchStride)
    check(config, inputs.imageSize, grid)
    let x = ops.gather(embed(ops, w.at('embeddings'), config, inputs, grid), ops.constant(unrolled(grid, config)), 1)
    const [hiddenStates, attentions]: [T[], T[]] = [[x], []]
    stagesOf(config, area(grid)).forEach((layers, stage) => {
      layers.forEach((layer, index) => {
        const at = w.at(`encoder.stages.${stage}.layers.${index}`)
        // transformers gives the probabilities of each stage's last layer.
        const wanted = taps.attentions && index === layers.length - 1
        const entering = x
        const made = inLayer(ops, () => hieraLayer(ops, at, config, layer, entering, wanted))
        x = made.x
        if (wanted && made.probs !== undefined) attentions.push(made.probs)
      })
      hiddenStates.push(x)
    })
    const pooled = pooling === 'max' ? ops.maxTokens(x) : ops.meanTokens(x)
    return {
      lastHiddenState: x,
      poolerOutput: ops.layerNorm(pooled, normOf(w.at('pooler.layernorm'), config.hiddenSize, config)),
      ...(taps.hiddenStates ? { hiddenStates } : {}),
      ...(taps.attentions ? { attentions } : {}),
    }
  },
}
