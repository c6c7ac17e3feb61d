import type { TargetLike } from '@dual-encoder/core'
import {
  checkOptions,
  checkPixelDims,
  type EncoderSpec,
  encoderWeights,
  openTarget,
  OptionError,
  sizeOf,
  type VisionEncoderSpec,
  type WeightEntry,
  type Weights,
} from '@dual-encoder/core/backend'
import { encoderGraph } from './graph/encoder-graph'
import { serialize } from './graph/proto'
import { paramData } from './param-data'
import { weightBytes } from './runtime/weight-bytes'

export interface ExportOptions {
  /** What the vision graph is made for: `[height, width]`, or a number for both; the config's image size by default. */
  imageSize?: number | readonly [number, number]
}

/** Bytes of weights above which they lie in a file of their own: an ONNX file ends at 2 GiB. */
const MAX_INLINE = 1.5 * 2 ** 30

/**
 * Writes `vision.onnx` and `text.onnx` for other runtimes: operators of the ONNX standard only
 * (opset 17), outputs `features`, `embeds` and `pooler_output`. Weights above 1.5 GiB lie beside as `*.onnx.data`.
 */
export async function exportEncoders(
  target: TargetLike,
  encoders: readonly EncoderSpec[],
  weights: Weights,
  options: ExportOptions,
): Promise<void> {
  checkOptions(options, ['imageSize'], 'exportOnnx')
  for (const encoder of encoders) if (encoder.kind === 'vision') checkImageSize(encoder, options.imageSize)
  const writer = await openTarget(target)
  for (const encoder of encoders) {
    const entries = encoderWeights(encoder, weights)
    const size = entries.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0)
    const name = `${encoder.kind}.onnx`
    const values = new Map<string, Uint8Array | { location: string; offset: number; length: number }>()
    if (size > MAX_INLINE) {
      let offset = 0
      for (const { name: weight, shape } of entries) {
        const length = 4 * sizeOf(shape)
        values.set(weight, { location: `${name}.data`, offset, length })
        offset += length
      }
      await writer.write(`${name}.data`, chunks(entries))
    } else for (const entry of entries) values.set(entry.name, weightBytes(await entry.read()))
    const dataOf = paramData(weights, (entry) => values.get(entry.name) as Uint8Array)
    const graphOptions = { imageSize: imageSizeOf(encoder, options), kernels: 'standard' as const }
    const request = { features: true, embeds: true, poolerOutput: true }
    await writer.write(name, [serialize(encoderGraph(encoder, request, dataOf, graphOptions))])
  }
}

async function* chunks(entries: readonly WeightEntry[]): AsyncGenerator<Uint8Array> {
  for (const entry of entries) yield weightBytes(await entry.read())
}

/** Before anything is written. Any size that the tower takes with `interpolatePosEncoding`. */
function checkImageSize(encoder: VisionEncoderSpec, given: unknown): void {
  if (given === undefined) return
  const size = pair(given)
  if (!Array.isArray(size) || size.length !== 2 || !size.every((side) => Number.isInteger(side) && side > 0))
    throw new OptionError(
      'bad-option',
      `imageSize is ${JSON.stringify(given)}; a number of whole pixels or [height, width] is needed.`,
    )
  checkPixelDims(encoder, [1, encoder.config.numChannels, ...(size as [number, number])], true)
}

const pair = (size: unknown): unknown => (typeof size === 'number' ? [size, size] : size)

function imageSizeOf(encoder: EncoderSpec, { imageSize }: ExportOptions): readonly [number, number] | undefined {
  if (encoder.kind === 'text') return undefined
  return pair(imageSize ?? encoder.config.imageSize) as readonly [number, number]
}
