import type { Primitives } from '@dual-encoder/core/backend'

/** x times a number. */
export const scaled = <T>(ops: Primitives<T>, x: T, by: number): T => (by === 1 ? x : ops.mul(x, ops.scalar(by)))
