import { ConfigError } from '../../../base/errors'
import { type Activation, activationOf } from '../../../ops/activations'
import { type BatchNorm, batchNorm } from '../../../ops/norms'
import type { ConvolutionOptions, Ops, Param, Projection } from '../../../ops/ops'
import type { Scope } from '../../../ops/scope'
import { entered, inLayer } from '../../blocks'
import { poolingOf } from '../../pooling'
import type { VisionTowerModule } from '../../tower'
import type { EfficientNetConfig } from './efficientnet.config'

/** A convolution without a bias, and the norm behind it. */
interface Step {
  readonly layer: Projection
  readonly norm: BatchNorm
  /** How many batches the norm has seen: PyTorch's models want it, and nothing reads it. */
  readonly seen: Param
  readonly options?: ConvolutionOptions
}

interface Block {
  readonly expand?: Step
  readonly depthwise: Step
  /** Squeeze and excite: 1x1 convolutions over the mean of each channel. */
  readonly reduce: Projection
  readonly excite: Projection
  readonly project: Step
  /** Rate at which what the block gives is dropped; undefined where the block has no shortcut. */
  readonly dropout?: number
}

/** Number of channels, scaled and a multiple of the divisor, no more than a tenth less than asked for. */
function roundFilters({ depthDivisor, widthCoefficient }: EfficientNetConfig, channels: number): number {
  const scaled = channels * widthCoefficient
  const rounded = Math.max(depthDivisor, Math.floor((scaled + depthDivisor / 2) / depthDivisor) * depthDivisor)
  return Math.trunc(rounded < 0.9 * scaled ? rounded + depthDivisor : rounded)
}

function normAt(w: Scope, channels: number, eps: number): { norm: BatchNorm; seen: Param } {
  const zeros = { kind: 'zeros' } as const
  const norm = {
    // Drawn as convolutions are, not ones: so transformers does.
    weight: w.param('weight', [channels]),
    bias: w.param('bias', [channels], zeros),
    mean: w.param('running_mean', [channels], zeros),
    variance: w.param('running_var', [channels], { kind: 'ones' }),
    eps,
  }
  return { norm, seen: w.param('num_batches_tracked', [], zeros) }
}

type Names = readonly [convolution: string, norm: string]
type Sizes = readonly [from: number, to: number, kernel: number]

function stepAt(
  w: Scope,
  [convolution, norm]: Names,
  [from, to, size]: Sizes,
  eps: number,
  options: ConvolutionOptions = {},
): Step {
  const layer = w.at(convolution).convolution(from, to, [size, size], { bias: false, groups: options.groups })
  return { layer, ...normAt(w.at(norm), to, eps), options }
}

/** Of each block its stage. */
const stagesOf = ({ numBlockRepeats, depthCoefficient }: EfficientNetConfig): number[] =>
  numBlockRepeats.flatMap((count, stage) => Array<number>(Math.ceil(depthCoefficient * count)).fill(stage))

function blockAt(w: Scope, config: EfficientNetConfig, index: number): Block {
  const stages = stagesOf(config)
  const stage = stages[index] ?? 0
  const first = stages[index - 1] !== stage
  const at = (values: readonly number[]): number => values[stage] ?? 0
  const to = roundFilters(config, at(config.outChannels))
  const from = first ? roundFilters(config, at(config.inChannels)) : to
  const [size, stride, ratio] = [at(config.kernelSizes), first ? at(config.strides) : 1, at(config.expandRatios)]
  const [wide, eps] = [from * ratio, config.batchNormEps]
  const after = Math.floor(size / 2)
  // TensorFlow's padding of even sizes: one less at the top and the left.
  const before = stride === 2 && !config.depthwisePadding.includes(index) ? after - 1 : after
  const narrow = Math.max(1, Math.floor(from * config.squeezeExpansionRatio))
  const gate = w.at('squeeze_excite')
  return {
    ...(ratio === 1 ? {} : { expand: stepAt(w.at('expansion'), ['expand_conv', 'expand_bn'], [from, wide, 1], eps) }),
    depthwise: stepAt(w.at('depthwise_conv'), ['depthwise_conv', 'depthwise_norm'], [wide, wide, size], eps, {
      strides: [stride, stride],
      padding: [before, before, after, after],
      groups: wide,
    }),
    reduce: gate.at('reduce').convolution(wide, narrow, [1, 1]),
    excite: gate.at('expand').convolution(narrow, wide, [1, 1]),
    project: stepAt(w.at('projection'), ['project_conv', 'project_bn'], [wide, to, 1], eps),
    ...(stride === 1 && !first ? { dropout: (config.dropConnectRate * index) / stages.length } : {}),
  }
}

/** The stem, the blocks, and the convolution above them. */
function plan(w: Scope, config: EfficientNetConfig): { stem: Step; blocks: Block[]; top: Step } {
  const { batchNormEps: eps, numChannels, hiddenDim, outChannels } = config
  const last = roundFilters(config, outChannels.at(-1) ?? 0)
  return {
    stem: stepAt(w.at('embeddings'), ['convolution', 'batchnorm'], [numChannels, roundFilters(config, 32), 3], eps, {
      strides: [2, 2],
      padding: [0, 0, 1, 1],
    }),
    blocks: stagesOf(config).map((_, index) => blockAt(w.at(`encoder.blocks.${index}`), config, index)),
    top: stepAt(w.at('encoder'), ['top_conv', 'top_bn'], [last, hiddenDim, 1], eps),
  }
}

function convolve<T>(ops: Ops<T>, { layer, norm, options }: Step, x: T, activation?: Activation): T {
  const normed = batchNorm(ops, ops.conv2d(x, layer, options), norm)
  return activation ? ops.activation(normed, activation) : normed
}

/** Tan and Le's EfficientNet (transformers' `EfficientNetModel`). */
export const efficientnet: VisionTowerModule<EfficientNetConfig> = {
  kind: 'vision',
  modelType: 'efficientnet',
  imageSizes: () => 'any',
  idleParams(w, config) {
    const { stem, blocks, top } = plan(w, config)
    const steps = blocks.flatMap(({ expand, depthwise, project }) => [...(expand ? [expand] : []), depthwise, project])
    return [stem, ...steps, top].map(({ seen }) => seen)
  },

  forward(ops, w, config, { pixelValues }, taps) {
    type T = typeof pixelValues
    if (config.poolingType !== 'mean' && config.poolingType !== 'max')
      throw new ConfigError(
        'bad-config-value',
        `efficientnet config: pooling_type is "${config.poolingType as string}"; it must be "mean" or "max".`,
      )
    const activation = activationOf(config.hiddenAct)
    const { stem, blocks, top } = plan(w, config)
    let x = convolve(ops, stem, pixelValues, activation)
    const hiddenStates = [x]
    blocks.forEach(({ expand, depthwise, reduce, excite, project, dropout }, index) => {
      const entering = entered(ops, index, x)
      const compute = (): { readonly x: T } => {
        const wide = expand ? convolve(ops, expand, entering, activation) : entering
        const seen = convolve(ops, depthwise, wide, activation)
        const squeezed = ops.activation(ops.conv2d(ops.mean(seen, [2, 3], true), reduce), activation)
        const gate = ops.activation(ops.conv2d(squeezed, excite), 'sigmoid')
        const y = convolve(ops, project, ops.mul(seen, gate))
        return { x: dropout === undefined ? y : ops.add(ops.dropout(y, dropout), entering) }
      }
      x = inLayer(ops, compute).x
      hiddenStates.push(x)
    })
    x = entered(ops, blocks.length, x)
    x = convolve(ops, top, x, activation)
    const pool = poolingOf(config, true) ?? config.poolingType
    const poolerOutput = ops[pool === 'max' ? 'max' : 'mean'](x, [2, 3])
    return { lastHiddenState: x, poolerOutput, ...(taps.hiddenStates ? { hiddenStates } : {}) }
  },
}
