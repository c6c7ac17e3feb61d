import type { Primitives } from './ops'

/** One parameter in one step. `N` are the names of the step's numbers, `S` those of what is kept between steps. */
export interface ParameterStep<T, N extends string = string, S extends string = string> {
  readonly param: T
  /** Of the loss; of the shape of `param`. */
  readonly grad: T
  /** A scalar that multiplies the gradient, where it is clipped; 1 unless given. */
  readonly gradScale?: T
  /** Of the shape of `param`; zero before the first step. */
  readonly state: Readonly<Record<S, T>>
  /** Scalars. */
  readonly numbers: Readonly<Record<N, T>>
  /** Multiplies the learning rate of this parameter; 1 unless given. */
  readonly factor?: number
  /** Whether weight decay is for this parameter. */
  readonly decay?: boolean
}

/**
 * An optimizer, written once over `Primitives<T>`: the host, an ONNX graph and TensorFlow.js run the same lines.
 * What changes from step to step comes as scalars, so that a graph is built once.
 */
export interface Optimizer<N extends string = string, S extends string = string> {
  readonly name: string
  /** What is kept of each parameter between steps, by name. */
  readonly slots: readonly S[]
  /** The numbers of a step, in float64. @param step from 1 on @param lr the schedule's */
  numbers(step: number, lr: number): Readonly<Record<N, number>>
  /** The parameter after the step, and what is kept. Changes nothing that it is given. */
  update<T>(
    ops: Primitives<T>,
    step: ParameterStep<T, N, S>,
  ): { readonly param: T; readonly state: Readonly<Record<S, T>> }
}
