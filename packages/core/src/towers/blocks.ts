import type { Activation } from '../ops/activations'
import type { Linear, Norm, Ops, Projection } from '../ops/ops'
import { firstTokens } from '../ops/rotary'
import type { Pooling, Taps, TowerOutput } from './tower'

/** The four projections of multi-head self-attention, each `[D, D]`. */
interface AttentionLayer<T> {
  readonly query: Projection
  readonly key: Projection
  readonly value: Projection
  readonly output: Linear
  /** Turns queries and keys by their positions; `firstOnly`: x holds token 0 alone. */
  readonly rotate?: (x: T, firstOnly: boolean) => T
}

export interface EncoderOptions<T> {
  readonly layers: number
  readonly heads: number
  readonly taps: Taps
  /** Only token 0 of the last layer is wanted, so only that is computed there. */
  readonly firstTokenOnly?: boolean
  /** Of what attention and MLP give. */
  readonly hiddenDropout?: number
  /** Of what the MLP gives, where it is another. */
  readonly mlpDropout?: number
  readonly attentionDropout?: number
  /** `[B, L]` int, 1 = attend. */
  readonly keyMask?: T
  /** A token attends to itself and to those before it. */
  readonly causal?: boolean
}

type Tapped<T> = Pick<TowerOutput<T>, 'hiddenStates' | 'attentions'>

/** What taps ask for of the layers. */
const tapped = <T>(taps: Taps, hiddenStates: T[], attentions: (T | undefined)[]): Tapped<T> => ({
  ...(taps.hiddenStates ? { hiddenStates } : {}),
  ...(taps.attentions ? { attentions: attentions as T[] } : {}),
})

/** What is computed in one layer, as far as the backend wants to know. */
/** @param consumed made by the layer before, and read by none but this one */
export const inLayer = <T, R extends Readonly<Record<string, T | undefined>>>(
  ops: Ops<T>,
  compute: () => R,
  consumed: readonly (T | undefined)[] = [],
): R =>
  ops.layer
    ? ops.layer(
        compute,
        consumed.filter((value) => value !== undefined),
      )
    : compute()

/** What enters layer `index`, behind the last what leaves it: x, or what a run makes of it. */
export function entered<T>(ops: Ops<T>, index: number, x: T): T {
  const change = ops.entering?.(index)
  return change ? change(x) : x
}

/** True where no tap needs more than the vector of the first token. */
export const onlyPooled = (taps: Taps): boolean => !taps.lastHiddenState && !taps.hiddenStates && !taps.attentions

function selfAttention<T>(
  ops: Ops<T>,
  x: T,
  layer: AttentionLayer<T>,
  options: EncoderOptions<T> & { readonly bias?: T; readonly firstOnly: boolean },
): { attended: T; probs?: T } {
  const { heads, keyMask, causal, attentionDropout: dropout, taps, firstOnly } = options
  const [q, k, v] = firstOnly
    ? [ops.linear(firstTokens(ops, x, 1), layer.query), ...ops.linears(x, [layer.key, layer.value])]
    : ops.linears(x, [layer.query, layer.key, layer.value])
  const bias = options.bias !== undefined && firstOnly ? firstTokens(ops, options.bias, -2) : options.bias
  const turned = (y: T, first: boolean): T => layer.rotate?.(y, first) ?? y
  const { context, probs } = ops.attention(turned(q as T, firstOnly), turned(k as T, false), v as T, {
    heads,
    keyMask,
    causal,
    bias,
    dropout,
    probs: taps.attentions,
  })
  return { attended: ops.dropout(ops.linear(context, layer.output), options.hiddenDropout ?? 0), probs }
}

/** A layer norm, or what stands in its place. */
export type NormOf<T> = Norm | ((x: T) => T)

/** A layer that normalises before attention and MLP (ViT and its kin). */
export interface PreNormLayer<T> {
  readonly norm1: NormOf<T>
  readonly norm2: NormOf<T>
  readonly attention: AttentionLayer<T>
  readonly mlp: (x: T) => T
  /** `[heads, L, L]`, or `[B | 1, heads | 1, L, L]`: added to the attention scores. */
  readonly bias?: T
  /** The bias says what is padding too. */
  readonly biasMasks?: boolean
  readonly dropPath?: number
}

/** Two linear layers with an activation between. */
export function mlp<T>(ops: Ops<T>, fc1: Linear, activation: Activation, fc2: Linear): (x: T) => T {
  return (x) => ops.linear(ops.linear(x, fc1, activation), fc2)
}

/**
 * Takes every score (beside it they are less than half a step of float32), and is above what TensorFlow.js's largest
 * values start from: the lowest float32 on WebGPU, -1e20 on WebGL.
 */
const FAR = 1e15

/** Added to scores: 0 where `seen` is 1, and where it is 0 what keeps attention away. Rows without any 1 attend to all alike. */
export const biasOf = <T>(ops: Ops<T>, seen: T): T => ops.mul(ops.sub(seen, ops.scalar(1)), ops.scalar(FAR))

/** Of a packed layer its part `index`, of `size` outputs each. */
export function rowsOf({ weight, bias }: Projection, index: number, size: number): Projection {
  const rows = [index * size, (index + 1) * size] as const
  return { weight: { ...weight, rows }, bias: bias && { ...bias, rows } }
}

/** activation(x gate) * (x up), then down (SwiGLU where the activation is SiLU). */
export function gatedMlp<T>(
  ops: Ops<T>,
  { gate, up, down }: { readonly gate: Linear; readonly up: Linear; readonly down: Linear },
  activation: Activation,
  dropout = 0,
): (x: T) => T {
  return (x) => ops.linear(ops.dropout(ops.mul(ops.linear(x, gate, activation), ops.linear(x, up)), dropout), down)
}

/**
 * A stack of pre-norm layers with an optional norm behind it. `x` `[B, L, D]`.
 * @returns `last`: normalised where `finalNorm` is given; `[B, 1, D]` with `firstTokenOnly`.
 */
export function preNormEncoder<T>(
  ops: Ops<T>,
  x: T,
  layerAt: (index: number) => PreNormLayer<T>,
  finalNorm: NormOf<T> | undefined,
  options: EncoderOptions<T>,
): { last: T } & Tapped<T> {
  const { layers, taps, hiddenDropout = 0, mlpDropout = hiddenDropout } = options
  const [hiddenStates, attentions]: [T[], (T | undefined)[]] = [[], []]
  let stream = x
  let branch: T | undefined
  const norm = (by: NormOf<T>): T => {
    if (typeof by === 'function') {
      if (branch !== undefined) stream = ops.add(stream, branch)
      branch = undefined
      return by(stream)
    }
    const given = { ...by, isForLinears: true }
    if (branch === undefined) return ops.layerNorm(stream, given)
    const { sum, normed } = ops.addLayerNorm(stream, branch, given)
    stream = sum
    branch = undefined
    return normed
  }
  const enter = (index: number): void => {
    const change = ops.entering?.(index)
    if (!change) return
    stream = change(branch === undefined ? stream : ops.add(stream, branch))
    branch = undefined
  }
  for (let index = 0; index < layers; index++) {
    const consumed = index > 0 ? [stream, branch] : []
    const compute = () => {
      enter(index)
      const layer = layerAt(index)
      const firstOnly = options.firstTokenOnly === true && index === layers - 1
      const residual = (y: T): T => ops.dropPath(y, layer.dropPath ?? 0)
      const normed = norm(layer.norm1)
      const entering = stream
      const { attended, probs } = selfAttention(ops, normed, layer.attention, {
        ...options,
        keyMask: layer.biasMasks ? undefined : options.keyMask,
        bias: layer.bias,
        firstOnly,
      })
      if (firstOnly) stream = firstTokens(ops, stream, 1)
      branch = residual(attended)
      branch = residual(ops.dropout(layer.mlp(norm(layer.norm2)), mlpDropout))
      return { stream, branch, entering: taps.hiddenStates ? entering : undefined, probs }
    }
    const { entering, probs } = inLayer(ops, compute, consumed)
    if (entering !== undefined) hiddenStates.push(entering)
    attentions.push(probs)
  }
  enter(layers)
  const normed = finalNorm ? norm(finalNorm) : undefined
  if (branch !== undefined) stream = ops.add(stream, branch)
  hiddenStates.push(stream)
  return { last: normed ?? stream, ...tapped(taps, hiddenStates, attentions) }
}

/** A layer that normalises after attention and MLP (BERT and its kin). */
export interface PostNormLayer<T> {
  readonly attention: AttentionLayer<T>
  readonly attentionNorm: Norm
  readonly mlp: (x: T) => T
  readonly outputNorm: Norm
  /** `[heads, L, L]`, or `[B | 1, heads | 1, L, L]`: added to the attention scores. */
  readonly bias?: T
}

/** A stack of post-norm layers over x `[B, L, D]`. */
export function postNormEncoder<T>(
  ops: Ops<T>,
  x: T,
  layerAt: (index: number) => PostNormLayer<T>,
  options: EncoderOptions<T>,
): { last: T } & Tapped<T> {
  const { layers, taps, hiddenDropout = 0, mlpDropout = hiddenDropout } = options
  const [hiddenStates, attentions]: [T[], (T | undefined)[]] = [[x], []]
  let last = x
  for (let index = 0; index < layers; index++) {
    const consumed = index > 0 && !taps.hiddenStates ? [last] : []
    const compute = () => {
      last = entered(ops, index, last)
      const layer = layerAt(index)
      const firstOnly = options.firstTokenOnly === true && index === layers - 1
      const { attended, probs } = selfAttention(ops, last, layer.attention, { ...options, bias: layer.bias, firstOnly })
      const residual = firstOnly ? firstTokens(ops, last, 1) : last
      const middle = ops.addLayerNorm(attended, residual, layer.attentionNorm).normed
      const expanded = ops.dropout(layer.mlp(middle), mlpDropout)
      return { hidden: ops.addLayerNorm(expanded, middle, layer.outputNorm).normed, probs }
    }
    const { hidden, probs } = inLayer(ops, compute, consumed)
    hiddenStates.push((last = hidden))
    attentions.push(probs)
  }
  last = entered(ops, layers, last)
  return { last, ...tapped(taps, hiddenStates, attentions) }
}

/** Whether pooling needs no token but the first; a tower's own pooler does so in most. */
const takesFirst = (pooling: Pooling | undefined): boolean => !pooling || pooling === 'cls'

/** Whether the last layer may compute no more than the first token: what is pooled needs no other, and no tap does. */
export const firstSuffices = (taps: Taps, pooling: Pooling | undefined): boolean =>
  takesFirst(pooling) && taps.lastHiddenState !== true && !taps.hiddenStates && !taps.attentions

/**
 * The `pooling` option: the first token, or the mean or largest of the tokens after `prefix` (text: of those attended
 * to). sentence-transformers' `Pooling`.
 */
export function pool<T>(ops: Ops<T>, pooling: Pooling, hidden: T, options: { prefix?: number; mask?: T } = {}): T {
  if (pooling === 'cls') return ops.token(hidden, 0)
  const { prefix = 0, mask } = options
  const tokens = prefix > 0 ? ops.sliceTokens(hidden, prefix) : hidden
  return pooling === 'mean' ? ops.meanTokens(tokens, mask) : ops.maxTokens(tokens, mask)
}
