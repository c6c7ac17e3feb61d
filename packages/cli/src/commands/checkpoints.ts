import { cachedModels, convert, downloadModel, type ConvertOptions, removeCachedModel } from '@dual-encoder/core'
import { EXIT, type ExitCode } from '../terminal'
import type { Context, LoadFlags } from '../context'
import { loadModel } from '../model'
import { amount } from '../progress'

/** Fetches a model into the cache; what is there already is not fetched again. */
export async function download(name: string, flags: LoadFlags, context: Context): Promise<void> {
  await downloadModel(name, context.sourceOptions(flags))
  const found = (await cachedModels()).find((model) => model.name === name)
  const folder = found?.revisions.at(-1)?.folder
  context.print(`${name}: ${amount(found?.size ?? 0)}B in ${folder ?? 'the cache'}`, {
    name,
    folder,
    size: found?.size,
  })
}

export async function listCache(context: Context): Promise<void> {
  const models = await cachedModels()
  if (models.length === 0) context.say('No models are in the cache.')
  for (const model of models) {
    const refs = model.revisions.map(({ commit, refs }) => [commit.slice(0, 8), ...refs].join(' '))
    context.print(`${model.name}  ${amount(model.size)}B  ${refs.join('; ')}`, model)
  }
}

export async function removeFromCache(names: readonly string[], context: Context): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok
  for (const name of names) {
    const removed = await removeCachedModel(name)
    if (!removed) code = EXIT.failed
    context.print(removed ? `${name}: removed` : `${name}: is not in the cache`, { name, removed })
  }
  return code
}

export interface ConvertFlags extends LoadFlags {
  readonly dtype?: ConvertOptions['dtype']
  readonly maxShardSize?: number
  readonly format?: ConvertOptions['format']
}

/** Any checkpoint that can be read, as the safetensors that today's Python loads. */
export async function convertCheckpoint(
  source: string,
  target: string,
  { dtype, maxShardSize, format, ...flags }: ConvertFlags,
  context: Context,
): Promise<void> {
  const report = await convert(source, target, { ...context.sourceOptions(flags), dtype, maxShardSize, format })
  const weights = report.weights.map(
    ({ from, to, shape, change }) => `${from} -> ${to} [${shape.join(', ')}]${change ? ` (${change})` : ''}`,
  )
  const last = `${report.file} (${report.framework}) -> ${target}: ${report.weights.length} weights as ${report.dtype}`
  const carried = report.carried.length > 0 ? `; carried along: ${report.carried.join(', ')}` : ''
  context.print([...weights, `${last}${carried}`], { target, ...report })
}

export interface ExportFlags extends LoadFlags {
  readonly imageSize?: number
}

/** Both towers as ONNX files for other runtimes, with tokenizer and image processor beside them. */
export async function exportModel(source: string, target: string, flags: ExportFlags, context: Context): Promise<void> {
  await using loaded = await loadModel(context, { ...flags, model: source })
  const { model, processor } = loaded
  await model.exportOnnx(target, flags.imageSize === undefined ? {} : { imageSize: flags.imageSize })
  await processor.savePretrained(target)
  context.print(`${source} -> ${target}: vision.onnx, text.onnx, tokenizer and image processor`, { source, target })
}
