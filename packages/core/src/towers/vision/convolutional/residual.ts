import { activationOf } from '../../../ops/activations'
import type { Ops, Param } from '../../../ops/ops'
import type { Scope } from '../../../ops/scope'
import { entered, inLayer } from '../../blocks'
import { poolingOf } from '../../pooling'
import type { Pooling, Taps, TowerOutput } from '../../tower'
import { batchesSeen, convolve, type ConvNorm } from './conv-norm'

/** What is added to what enters, which is widened where it must be. */
export interface ResidualBlock {
  /** The last is without an activation. */
  readonly steps: readonly ConvNorm[]
  readonly shortcut?: ConvNorm
}

interface ResidualConfig {
  readonly modelType: string
  readonly embeddingSize: number
  readonly hiddenSizes: readonly number[]
  readonly depths: readonly number[]
  readonly downsampleInFirstStage: boolean
  readonly hiddenAct: string
  readonly pooling?: Pooling
}

/** The blocks of each stage; the first of a stage widens, and halves the map where it is told to. */
export const stagesOf = <B extends ResidualBlock>(
  w: Scope,
  { embeddingSize, hiddenSizes, depths, downsampleInFirstStage }: ResidualConfig,
  blockOf: (w: Scope, from: number, to: number, stride: number) => B,
): B[][] =>
  hiddenSizes.map((size, index) =>
    Array.from({ length: depths[index] ?? 0 }, (_, layer) => {
      const from = layer > 0 ? size : ([embeddingSize, ...hiddenSizes][index] ?? 0)
      const stride = layer === 0 && (index > 0 || downsampleInFirstStage) ? 2 : 1
      return blockOf(w.at(`encoder.stages.${index}.layers.${layer}`), from, size, stride)
    }),
  )

export const widened = (w: Scope, from: number, to: number, stride: number): ConvNorm | undefined =>
  from !== to || stride !== 1 ? { at: w.at('shortcut'), from, to, size: 1, stride } : undefined

/** What PyTorch's norms count, and nobody reads. */
export const idleResidual = (stem: ConvNorm, stages: readonly (readonly ResidualBlock[])[]): Param[] =>
  [stem, ...stages.flat().flatMap(({ steps, shortcut }) => (shortcut ? [...steps, shortcut] : steps))].map(batchesSeen)

/**
 * All stages over what the stem gives, x `[B, C, H, W]`.
 * @param branch what a block adds
 */
export function residualForward<T, B extends ResidualBlock>(
  ops: Ops<T>,
  config: ResidualConfig,
  stages: readonly (readonly B[])[],
  stem: T,
  taps: Taps,
  branch: (block: B, x: T) => T,
): TowerOutput<T> {
  const pooling = poolingOf(config, true)
  const activation = activationOf(config.hiddenAct)
  let x = stem
  const hiddenStates = [x]
  let index = 0
  for (const blocks of stages) {
    for (const block of blocks) {
      const entering = entered(ops, index, x)
      index++
      const compute = (): { readonly x: T } => {
        const y = branch(block, entering)
        const rest = block.shortcut ? convolve(ops, block.shortcut, entering) : entering
        return { x: ops.activation(ops.add(y, rest), activation) }
      }
      x = inLayer(ops, compute).x
    }
    hiddenStates.push(x)
  }
  x = entered(ops, index, x)
  // Its own pooled map has two axes of one place, what `pooling` takes has none.
  const pool = pooling === 'max' ? 'max' : 'mean'
  const poolerOutput = ops[pool](x, [2, 3], pooling === undefined)
  return { lastHiddenState: x, poolerOutput, ...(taps.hiddenStates ? { hiddenStates } : {}) }
}
