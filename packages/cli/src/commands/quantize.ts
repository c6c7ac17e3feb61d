import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { convert, OptionError, type QuantizationLoss } from '@dual-encoder/core'
import { quantizationReport } from '@dual-encoder/onnx'
import type { Context, LoadFlags } from '../context'
import { loadModel } from '../model'
import { findPictures, skippedLine } from '../pictures'
import { addressOf } from '../places/bucket'
import { amount } from '../progress'
import { linesOf } from './embed'

export interface QuantizeFlags extends LoadFlags {
  /** What the loss is measured with: pictures, and a file with a text on each line. */
  readonly pictures?: readonly string[]
  readonly texts?: string
  readonly fast?: boolean
}

/** Pictures and texts of a measurement, at most. */
const MOST = 256

/** A checkpoint in int8 and, where there are pictures and texts to measure it with, what it loses when it computes in int8 too. */
export async function quantize(
  source: string,
  target: string,
  { pictures, texts, fast = false, ...flags }: QuantizeFlags,
  context: Context,
): Promise<void> {
  if ((pictures === undefined) !== (texts === undefined))
    throw new OptionError('no-inputs', 'The loss is measured with --pictures and --texts: give both, or neither.')
  await convert(source, target, { ...context.sourceOptions(flags), dtype: 'int8' })
  const size = await weightsIn(target)
  const said = { source, target, size }
  const line = `${source} -> ${target}: int8, ${amount(size)}B of weights`
  if (pictures === undefined || texts === undefined) return context.print(line, said)

  const [found, lines] = [await findPictures(pictures), await linesOf(texts)]
  context.say(skippedLine(found.skipped))
  const dtype = fast ? 'int8-fast' : 'int8'
  await using whole = await loadModel(context, { ...flags, model: source })
  await using small = await loadModel(context, { ...flags, model: target }, { dtype })
  const { processor } = whole
  const { pixelValues } = await processor.imageProcessor(await Promise.all(spread(found.pictures).map(addressOf)))
  const inputs = await processor({ text: spread(lines), padding: true, truncation: true })
  const { vision, text } = await quantizationReport(small.model, { pixelValues }, inputs, whole.model)
  const shown = [`  ${dtype} against float32`, lossLine('pictures', vision), lossLine('texts', text)]
  context.print([line, ...shown], { ...said, dtype, vision, text })
}

/** Bytes of a folder's weights. */
async function weightsIn(folder: string): Promise<number> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'))
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** At most so many of a list, from all over it. */
const spread = (list: readonly string[]): string[] => {
  const count = Math.min(MOST, list.length)
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]!)
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`
const lossLine = (name: string, { lowest, mean, top1, top10 }: QuantizationLoss): string =>
  `  ${name.padEnd(8)}  cosine ${mean.toFixed(5)}, at least ${lowest.toFixed(5)}; nearest kept ${percent(top1)}, of ten ${percent(top10)}`
