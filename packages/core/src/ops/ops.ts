import type { Tensor } from '../base/tensor'
import type { Activation } from './activations'

/**
 * One weight of a checkpoint, as a tower asks for it.
 * `shape` is the checkpoint's (PyTorch's) layout; the backend decides how it keeps the values.
 */
export interface Param {
  readonly name: string
  readonly shape: readonly number[]
  /** How `fromConfig` draws it. */
  readonly init: Init
  /** Set where only rows `[start, end)` of the first axis are meant (a packed projection). */
  readonly rows?: readonly [number, number]
}

export type Init =
  | { readonly kind: 'zeros' | 'ones' }
  | { readonly kind: 'constant'; readonly value: number }
  /** `zeroRow`: the padding row of an embedding table. */
  | { readonly kind: 'normal'; readonly std: number; readonly zeroRow?: number }
  | { readonly kind: 'uniform'; readonly std: number }
  /** Normal, drawn anew where it is more than `cutoff` deviations off. */
  | { readonly kind: 'truncated'; readonly std: number; readonly cutoff: number }
  /** Not drawn but computed. */
  | { readonly kind: 'values'; readonly values: () => Float32Array }

/** weight `[out, in]` (a patch embedding: `[out, channels, height, width]`), bias `[out]`. */
export interface Linear {
  readonly weight: Param
  readonly bias?: Param
  /** Layer scale `[out]`: multiplies what the layer gives. */
  readonly scale?: Param
}

/** A linear layer without layer scale: all that `linears` and `patchEmbed` take. */
export interface Projection extends Linear {
  readonly scale?: undefined
}

/** weight and bias `[size]`. */
export interface Norm {
  readonly weight: Param
  readonly bias?: Param
  readonly eps: number
  /** Little but linear layers reads what it gives: its weight and bias may go into theirs. */
  readonly isForLinears?: boolean
}

export interface AttentionOptions<T> {
  readonly heads: number
  /** Multiplies the scores; 1/sqrt(head size) unless given. */
  readonly scale?: number
  /** `[B, Lk]` int, 1 = attend, 0 = padding. */
  readonly keyMask?: T
  /** `[heads, Lq, Lk]`, or `[B | 1, heads | 1, Lq, Lk]`: added to the scores (a relative bias, a mask of windows). */
  readonly bias?: T
  /** A token attends to itself and to those before it; Lq is Lk. */
  readonly causal?: boolean
  /** Also return the probabilities `[B, heads, Lq, Lk]`. */
  readonly probs?: boolean
  /** Rate at which probabilities are dropped while training. */
  readonly dropout?: number
}

export interface ConvolutionOptions {
  /** `[down, across]`; 1 unless given. */
  readonly strides?: readonly [number, number]
  /** Zeros added at `[top, left, bottom, right]`; none unless given. */
  readonly padding?: readonly [number, number, number, number]
  /** Channels in as many groups, each convolved by itself; as many as channels: depthwise. 1 unless given. */
  readonly groups?: number
}

export interface PoolOptions {
  readonly size: readonly [number, number]
  readonly strides: readonly [number, number]
  /** At `[top, left, bottom, right]`, never the maximum. */
  readonly padding?: readonly [number, number, number, number]
}

/** A size that is a number, or the name of one that is not known while a graph is built. */
export type Dim = number | string

/**
 * Ops on plain tensors, of any rank. Whatever is not written in `Ops` is composed of these, gradients too.
 * Axes count from 0; a negative one from the end.
 */
export interface Primitives<T> {
  /** Sizes, of which batch and length may be names. For rules of gradients: a tower never reads them. */
  dims(x: T): readonly Dim[]
  /** The weight itself. */
  param(param: Param): T
  /** A host tensor that core computed (position matrices, index tables). */
  constant(value: Tensor): T
  /** A number, of no axes. */
  scalar(value: number): T

  /** Element by element, broadcasting as NumPy does. */
  add(a: T, b: T): T
  sub(a: T, b: T): T
  mul(a: T, b: T): T
  div(a: T, b: T): T
  maximum(a: T, b: T): T
  /** 1 where a >= b, else 0. */
  greaterEqual(a: T, b: T): T
  /** Integers as float32. */
  float(x: T): T
  exp(x: T): T
  log(x: T): T
  sqrt(x: T): T
  erf(x: T): T
  cos(x: T): T
  sin(x: T): T
  activation(x: T, name: Activation): T
  /**
   * What `compute` makes of values of the same sizes, where each row (along the last axis) depends on that row alone: an
   * engine may go through the whole of it with some rows after the others, so that its steps find them in the cache.
   * Undefined where that is no gain.
   */
  byRows?(
    inputs: readonly T[],
    compute: (ops: Primitives<T>, inputs: readonly T[]) => readonly T[],
  ): readonly T[] | undefined

  /** `[..., m, k]` x `[..., k, n]`: the same leading sizes, or none on the right. Transposed as asked for first. */
  matMul(a: T, b: T, options?: { readonly transposeA?: boolean; readonly transposeB?: boolean }): T
  /** Along the last axis. */
  softmax(x: T): T
  sum(x: T, axes: readonly number[], keepDims?: boolean): T
  mean(x: T, axes: readonly number[], keepDims?: boolean): T
  max(x: T, axes: readonly number[], keepDims?: boolean): T

  /** The same values in another order of axes. */
  transpose(x: T, axes: readonly number[]): T
  /** 0 keeps the size that x has on that axis, -1 (once) takes what is left. */
  reshape(x: T, dims: readonly number[]): T
  /** `[start, end)` along an axis; `end` undefined = all the rest, either negative = from the end. */
  slice(x: T, axis: number, start: number, end?: number): T
  concat(parts: readonly T[], axis: number): T
  /** Zeros before and after along an axis. */
  pad(x: T, axis: number, before: number, after: number): T
  /** `[1, ...]` -> `[B, ...]`, B that of `like` (`[B, ...]`). */
  expandToBatch(x: T, like: T): T
  /** Broadcast to `dims`, which are numbers. */
  expand(x: T, dims: readonly number[]): T

  /** What lies at `index` (int, any rank) along an axis, in place of that axis. */
  gather(x: T, index: T, axis?: number): T
  /** Adds rows `[..., D]` to those of zeros `[count, D]` that `index` `[...]` names. */
  scatterAdd(rows: T, index: T, count: number): T
  /** index `[B]` -> `[B, L]` of 0 with a 1 at it, L that of `like` (`[B, L, ...]`). */
  oneHot(index: T, like: T): T

  /** x `[B, C, H, W]`, weight `[out, C / groups, h, w]` -> `[B, out, H', W']`. */
  conv2d(x: T, layer: Projection, options?: ConvolutionOptions): T
  /** Largest of each window, `[B, C, H, W]` -> `[B, C, H', W']`. */
  maxPool2d(x: T, options: PoolOptions): T
}

/**
 * What a backend implements, once, for all towers. `T` is its tensor.
 *
 * B batch, L tokens, D hidden size, H heads. B and L may be symbolic: a tower never reads them as
 * numbers. Activations are `[B, L, D]` (or `[B, D]` after `token`/`meanTokens`), `[B, C, H, W]` in convolutional towers.
 */
export interface Ops<T> extends Primitives<T> {
  /** `[..., in]` -> `[..., out]`: x Wᵀ + b, then the activation, times the layer's scale. */
  linear(x: T, layer: Linear, activation?: Activation): T
  /** Several projections of the same x (query, key and, last, value), so that a backend may pack them. */
  linears(x: T, layers: readonly Projection[]): T[]
  layerNorm(x: T, norm: Norm): T
  /** `sum` = x + residual, `normed` = layerNorm(sum). */
  addLayerNorm(x: T, residual: T, norm: Norm): { sum: T; normed: T }
  /** ids `[B, L]` of rows of table `[rows, D]` -> `[B, L, D]`. */
  embedding(ids: T, table: Param): T
  /**
   * pixels `[B, C, H, W]` -> `[B, floor(H/ph) * floor(W/pw), D]`, patches row by row; what does not
   * fill a patch at the right and the bottom is left out.
   */
  patchEmbed(pixels: T, layer: Projection): T
  /** Multi-head attention over q `[B, Lq, D]`, k and v `[B, Lk, D]` -> context `[B, Lq, D]`. */
  attention(q: T, k: T, v: T, options: AttentionOptions<T>): { context: T; probs?: T }

  /** Joins along the token axis (1). */
  concatTokens(parts: readonly T[]): T
  /** Tokens `[start, end)` of `[B, L, D]` (or axis 1 of a bias); `end` undefined = all the rest. */
  sliceTokens(x: T, start: number, end?: number): T
  /** Token `index` of `[B, L, D]` (a negative one from the end) -> `[B, D]`. */
  token(x: T, index: number): T
  /** Of each row the token that `index` `[B]` names, `[B, L, D]` -> `[B, D]`. */
  tokenAt(x: T, index: T): T
  /** Mean over the tokens, `[B, L, D]` -> `[B, D]`; with `mask` `[B, L]` over those with 1. */
  meanTokens(x: T, mask?: T): T
  /** Largest over the tokens, `[B, L, D]` -> `[B, D]`; with `mask` `[B, L]` over those with 1. */
  maxTokens(x: T, mask?: T): T
  /** Divided by the Euclidean norm along the last axis; `eps`: by no less than that. */
  l2Normalize(x: T, eps?: number): T
  /** Randomly zeroes and rescales while training; elsewhere x itself. Of a table alike whatever part of a batch is computed. */
  dropout(x: T, rate: number, of?: 'batch' | 'table'): T
  /** Stochastic depth: drops whole rows of the batch of a residual branch while training. */
  dropPath(x: T, rate: number): T

  /**
   * Computes what a table of weights is for images of one size, and nothing else decides. A backend may keep it for the
   * next image of that `size`; `KEPT`: the table as it lies, but for its dims.
   * @param unfold makes something far larger of it, which takes longer to keep than to make: a backend keeps either
   */
  resized?(table: Param, size: string, compute: () => T, unfold?: (small: T) => T): T
  /** Set while an encoder runs, by who runs it: what becomes of that which enters layer `index` (behind the last: its end). */
  entering?: (index: number) => ((x: T) => T) | undefined
  /** Set where some tokens were left out: of a table `[L, ...]` the rows of those that are there, `[B, K, ...]`. */
  ofTokens?: (table: T) => T
  /**
   * Token 0 of x along `axis`, where a run wants no more of the last layer. A backend whose graph serves every request
   * leaves it to the run: token 0, or all of them.
   */
  firstTokens?(x: T, axis: number): T
  /**
   * Computes one layer of an encoder. A backend may free what that makes and does not return, and `consumed`: what the
   * layer before made for this one alone.
   */
  layer?<R extends Readonly<Record<string, T | undefined>>>(compute: () => R, consumed: readonly T[]): R
}
