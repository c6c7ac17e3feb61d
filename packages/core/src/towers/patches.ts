import type { Ops, Param, Projection } from '../ops/ops'
import { gridOf, pairOf } from './grid'
import { positionEmbeddings } from './positions'
import type { VisionConfig, VisionInputs } from './tower'

export interface PatchOptions<T> {
  /** `[D, channels, height, width]` */
  readonly layer: Projection
  /** Learned tokens before the patches, `[1, n, D]` (or `[D]`). */
  readonly tokens?: readonly Param[]
  /** Table of positions of tokens and patches at the trained size; none where positions come in elsewhere. */
  readonly positions?: Param
  /** As `positionEmbeddings` has them. */
  readonly always?: boolean
  readonly antialiased?: boolean
  /** Normalises the patches alone. */
  readonly norm?: (patches: T) => T
}

/** The entry of a plain vision transformer: learned tokens, then the patches, with positions added `[B, L, D]`. */
export function patchTokens<T>(
  ops: Ops<T>,
  { pixelValues, imageSize }: VisionInputs<T>,
  config: VisionConfig,
  { layer, tokens = [], positions, norm, ...interpolation }: PatchOptions<T>,
): T {
  const [hiddenSize = 0] = layer.weight.shape
  const embedded = ops.patchEmbed(pixelValues, layer)
  const patches = norm ? norm(embedded) : embedded
  const learned = tokens.map((token) => ops.expandToBatch(ops.reshape(ops.param(token), [1, -1, hiddenSize]), patches))
  const x = learned.length > 0 ? ops.concatTokens([...learned, patches]) : patches
  if (!positions) return x
  const trainedSize = pairOf(config.imageSize)
  const table = positionEmbeddings(ops, positions, {
    trained: gridOf(trainedSize, config.patchSize),
    wanted: gridOf(imageSize, config.patchSize),
    imageSize,
    trainedSize,
    prefix: tokens.reduce((sum, { shape }) => sum + (shape.length === 1 ? 1 : (shape[1] ?? 1)), 0),
    hiddenSize,
    ...interpolation,
  })
  return ops.add(x, table)
}

/** How many patches a picture of the trained size has. */
export function trainedPatches({ imageSize, patchSize }: VisionConfig): number {
  const [height, width] = gridOf(pairOf(imageSize), patchSize)
  return height * width
}
