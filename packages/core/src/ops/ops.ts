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
  readonly bias: Param
  readonly eps: number
}

export interface AttentionOptions<T> {
  readonly heads: number
  /** Multiplies the scores; 1/sqrt(head size) unless given. */
  readonly scale?: number
  /** `[B, Lk]` int, 1 = attend, 0 = padding. */
  readonly keyMask?: T
  /** `[heads, Lq, Lk]`, added to the scores. */
  readonly bias?: T
  /** Also return the probabilities `[B, heads, Lq, Lk]`. */
  readonly probs?: boolean
  /** Rate at which probabilities are dropped while training. */
  readonly dropout?: number
}

/**
 * What a backend implements, once, for all towers. `T` is its tensor.
 *
 * B batch, L tokens, D hidden size, H heads. B and L may be symbolic: a tower never reads them as
 * numbers. Activations are `[B, L, D]` (or `[B, D]` after `token`/`mean`).
 */
export interface Ops<T> {
  /** The weight itself. */
  param(param: Param): T
  /** A host tensor that core computed (position matrices, index tables). */
  constant(value: Tensor): T

  /** `[..., in]` -> `[..., out]`: x Wᵀ + b, then the activation, times the layer's scale. */
  linear(x: T, layer: Linear, activation?: Activation): T
  /** Several projections of the same x (query, key, value), so that a backend may pack them. */
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

  activation(x: T, name: Activation): T
  /** Element by element, broadcasting as NumPy does. */
  add(a: T, b: T): T
  mul(a: T, b: T): T
  /** `[m, k]` x `[k, n]` -> `[m, n]`. */
  matMul(a: T, b: T): T
  /** The same values in another order of axes. */
  transpose(x: T, axes: readonly number[]): T
  /** Numbers only: for tables and tokens, not for activations with symbolic sizes. */
  reshape(x: T, dims: readonly number[]): T
  /** table `[rows, n]`, index `[i, j]` -> `[i, j, n]`. */
  gather(table: T, index: Tensor): T

  /** `[1, n, D]` -> `[B, n, D]`, B that of `like` (`[B, ...]`). */
  expandToBatch(x: T, like: T): T
  /** Joins along the token axis (1). */
  concatTokens(parts: readonly T[]): T
  /** Tokens `[start, end)` of `[B, L, D]` (or axis 1 of a bias); `end` undefined = all the rest. */
  sliceTokens(x: T, start: number, end?: number): T
  /** Token `index` of `[B, L, D]` -> `[B, D]`. */
  token(x: T, index: number): T
  /** Mean over the tokens, `[B, L, D]` -> `[B, D]`; with `mask` `[B, L]` over those with 1. */
  meanTokens(x: T, mask?: T): T
  /** Row by row divided by its Euclidean norm. */
  l2Normalize(x: T): T
  /** Randomly zeroes and rescales while training; elsewhere x itself. */
  dropout(x: T, rate: number): T
  /** Stochastic depth: drops whole rows of the batch of a residual branch while training. */
  dropPath(x: T, rate: number): T

  /**
   * Computes what a table of weights is for images of one size, and nothing else decides. A backend may keep it for the
   * next image of that `size`.
   */
  resized?(table: Param, size: string, compute: () => T): T
  /** Computes one layer of an encoder. A backend may free what that makes and does not return. */
  layer?<R extends Readonly<Record<string, T | undefined>>>(compute: () => R): R
}
