import { fileURLToPath } from 'node:url'
import { AutoProcessor, OptionError, type VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { folder } from '@dual-encoder/model-pictures'
import { AutoModel, TextTower, VisionTower, type OnnxModel, type OnnxOptions } from '@dual-encoder/onnx'
import type { Context, LoadFlags } from './context'

/** The model that is named, else that of the environment, else the one that ships. */
export const modelSource = (named: string | undefined): string =>
  named ?? (process.env.DUAL_ENCODER_MODEL || fileURLToPath(folder))

export interface Loaded extends AsyncDisposable {
  readonly source: string
  readonly model: OnnxModel
  readonly processor: VisionTextDualEncoderProcessor
}

/** A model of two towers and its processor, on ONNX Runtime. */
export async function loadModel(
  context: Context,
  flags: LoadFlags,
  more: Pick<OnnxOptions, 'batching' | 'dtype' | 'sessionOptions'> = {},
): Promise<Loaded> {
  const source = modelSource(flags.model)
  const options = context.sourceOptions(flags)
  const model = await AutoModel.fromPretrained(source, {
    ...options,
    ...more,
    onWarning: context.onWarning,
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
  })
  if (model instanceof VisionTower || model instanceof TextTower)
    throw new OptionError('no-pair', `${source} is one tower. A model of two is needed: pictures and texts.`)
  const processor = await AutoProcessor.fromPretrained(source, options)
  context.endProgress()
  return { source, model, processor, [Symbol.asyncDispose]: () => model.dispose() }
}
