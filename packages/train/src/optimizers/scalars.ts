import { tensor } from '@dual-encoder/core'
import type { Primitives } from '@dual-encoder/core/backend'

/** A number as a tensor. */
export const scalar = <T>(ops: Primitives<T>, value: number): T => ops.constant(tensor(new Float32Array([value]), []))

/** x times a number. */
export const scaled = <T>(ops: Primitives<T>, x: T, by: number): T => (by === 1 ? x : ops.mul(x, scalar(ops, by)))
