import { OptionError } from '@dual-encoder/core'
import { checkOptions, type Primitives } from '@dual-encoder/core/backend'
import type { Optimizer } from '@dual-encoder/core/training'
import { scaled } from './scalars'

/** The gradient, clipped. */
const clipped = <T>(ops: Primitives<T>, grad: T, scale: T | undefined): T =>
  scale === undefined ? grad : ops.mul(grad, scale)

/** `(1 - share) a + share b`, a running mean. */
const blend = <T>(ops: Primitives<T>, a: T, b: T, share: number): T =>
  ops.add(scaled(ops, a, 1 - share), scaled(ops, b, share))

export interface AdamWOptions {
  /** Of the running means of the gradient and of its square. Default: [0.9, 0.999]. */
  betas?: readonly [number, number]
  /** Default: 1e-8. */
  eps?: number
  /** Decoupled: times the learning rate, off the parameter itself. Default: 0.01. */
  weightDecay?: number
}

/**
 * AdamW (Loshchilov and Hutter), as PyTorch computes it. Each line is a pass over all parameters, which takes memory's
 * time: scalars are multiplied with each other first, and the gradient by no more than one.
 */
export function adamw(options: AdamWOptions = {}): Optimizer<'rate' | 'floor' | 'decay', 'mean' | 'square'> {
  checkOptions(options, ['betas', 'eps', 'weightDecay'], 'adamw')
  const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01 } = options
  checkRates('adamw', betas, { eps, weightDecay })
  return {
    name: 'adamw',
    slots: ['mean', 'square'],
    numbers(step, lr) {
      // What makes up for the start at zero is taken out of the root.
      const correction = Math.sqrt(1 - betas[1] ** step)
      return { rate: (lr * correction) / (1 - betas[0] ** step), floor: eps * correction, decay: lr * weightDecay }
    },
    update(ops, { param, grad, gradScale, state, numbers, factor = 1, decay = true }) {
      const share = 1 - betas[0]
      const part = ops.mul(grad, gradScale === undefined ? ops.scalar(share) : scaled(ops, gradScale, share))
      const mean = ops.add(scaled(ops, state.mean, betas[0]), part)
      const news = scaled(ops, ops.mul(part, part), (1 - betas[1]) / share ** 2)
      const square = ops.add(scaled(ops, state.square, betas[1]), news)
      const direction = ops.div(mean, ops.add(ops.sqrt(square), numbers.floor))
      const shrunk = decay && weightDecay > 0 ? shrink(ops, param, scaled(ops, numbers.decay, factor)) : param
      return {
        param: ops.sub(shrunk, ops.mul(direction, scaled(ops, numbers.rate, factor))),
        state: { mean, square },
      }
    },
  }
}

const shrink = <T>(ops: Primitives<T>, param: T, by: T): T => ops.mul(param, ops.sub(ops.scalar(1), by))

export interface LionOptions {
  /** Default: [0.9, 0.99]. */
  betas?: readonly [number, number]
  /** Decoupled, as AdamW's. Default: 0.01; Lion's learning rate is about a tenth of AdamW's, its decay ten times. */
  weightDecay?: number
}

/** Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms"): steps by the sign of a running mean. */
export function lion(options: LionOptions = {}): Optimizer<'lr' | 'decay', 'mean'> {
  checkOptions(options, ['betas', 'weightDecay'], 'lion')
  const { betas = [0.9, 0.99], weightDecay = 0.01 } = options
  checkRates('lion', betas, { weightDecay })
  return {
    name: 'lion',
    slots: ['mean'],
    numbers: (_step, lr) => ({ lr, decay: lr * weightDecay }),
    update(ops, { param, grad: given, gradScale, state, numbers, factor = 1, decay = true }) {
      const grad = clipped(ops, given, gradScale)
      const direction = sign(ops, blend(ops, state.mean, grad, 1 - betas[0]))
      const shrunk = decay && weightDecay > 0 ? shrink(ops, param, scaled(ops, numbers.decay, factor)) : param
      return {
        param: ops.sub(shrunk, ops.mul(direction, scaled(ops, numbers.lr, factor))),
        state: { mean: blend(ops, state.mean, grad, 1 - betas[1]) },
      }
    },
  }
}

/** 1, 0 or -1. */
function sign<T>(ops: Primitives<T>, x: T): T {
  const zero = ops.scalar(0)
  return ops.sub(ops.greaterEqual(x, zero), ops.greaterEqual(zero, x))
}

export interface SGDOptions {
  /** Default: 0.9. */
  momentum?: number
  /** Looks ahead along the momentum. Default: false. */
  nesterov?: boolean
  /** Added to the gradient, as PyTorch's SGD has it (not decoupled). Default: 0. */
  weightDecay?: number
}

/** Stochastic gradient descent with momentum, as PyTorch computes it. */
export function sgd(options: SGDOptions = {}): Optimizer<'lr', 'velocity'> {
  checkOptions(options, ['momentum', 'nesterov', 'weightDecay'], 'sgd')
  const { momentum = 0.9, nesterov = false, weightDecay = 0 } = options
  checkRates('sgd', [momentum], { weightDecay })
  return {
    name: 'sgd',
    slots: ['velocity'],
    numbers: (_step, lr) => ({ lr }),
    update(ops, { param, grad: given, gradScale, state, numbers, factor = 1, decay = true }) {
      const grad = clipped(ops, given, gradScale)
      const whole = decay && weightDecay > 0 ? ops.add(grad, scaled(ops, param, weightDecay)) : grad
      const velocity = ops.add(scaled(ops, state.velocity, momentum), whole)
      const direction = nesterov ? ops.add(whole, scaled(ops, velocity, momentum)) : velocity
      return { param: ops.sub(param, ops.mul(direction, scaled(ops, numbers.lr, factor))), state: { velocity } }
    },
  }
}

function checkRates(name: string, betas: readonly number[], others: Readonly<Record<string, number>>): void {
  if (!betas.every((beta) => beta >= 0 && beta < 1))
    throw new OptionError('bad-option', `${name}: ${betas.join(', ')} given; running means need values in [0, 1).`)
  for (const [option, value] of Object.entries(others))
    if (!(value >= 0 && value < Infinity))
      throw new OptionError('bad-option', `${name}: ${option} is ${value}; zero or more is needed.`)
}

export type OptimizerOptions =
  | ({ readonly name: 'adamw' } & AdamWOptions)
  | ({ readonly name: 'lion' } & LionOptions)
  | ({ readonly name: 'sgd' } & SGDOptions)

const OPTIMIZERS = { adamw, lion, sgd }

/** The optimizer of a name and its options. @throws OptionError for another name, or options that are not its own */
export function optimizerOf({ name, ...options }: OptimizerOptions): Optimizer {
  if (!Object.hasOwn(OPTIMIZERS, name))
    throw new OptionError(
      'bad-optimizer',
      `optimizer: "${name}" is not known. Should be one of: ${Object.keys(OPTIMIZERS).join(', ')}.`,
    )
  return OPTIMIZERS[name](options) as Optimizer
}
