import { ConfigError } from '../base/errors'
import { openSource } from '../files/source'
import { type SourceLike, splitOptions } from '../files/types'
import { isTextTower, isVisionTower, towerTypes } from '../towers/registry'
import { naflexAdvice } from './families'
import type { CheckpointOptions } from './load'
import type { FromPretrainedOptions } from './model-options'
import { readConfig } from './read-config'

/** A class that loads what it is named after. */
interface Loads<M, O> {
  fromPretrained(source: SourceLike, options?: O): Promise<M>
}
interface LoadsModel<M, O> extends Loads<M, O> {
  readonly configClass: { readonly modelType: string }
}

/** transformers' `AutoModel`: `fromPretrained` reads `model_type` and returns the class that it names. */
export interface AutoModel<M, V, T, O extends object> {
  /** A whole model, or a tower on its own: `VisionTower` or `TextTower`. */
  fromPretrained(source: SourceLike, options?: FromPretrainedOptions & Partial<O>): Promise<M | V | T>
}

/** `AutoModel` of a backend's classes. */
export const autoModel = <M, V, T, O extends object>(
  models: readonly LoadsModel<M, FromPretrainedOptions & Partial<O>>[],
  visionTower: Loads<V, CheckpointOptions & Partial<O>>,
  textTower: Loads<T, CheckpointOptions & Partial<O>>,
): AutoModel<M, V, T, O> => ({
  async fromPretrained(source, options = {}) {
    const opened = await openSource(source, splitOptions(options).source)
    const { model_type: type } = await readConfig(opened)
    const model = models.find(({ configClass }) => configClass.modelType === type)
    if (model) return model.fromPretrained(source, options)
    if (isVisionTower(type)) return visionTower.fromPretrained(source, options)
    if (isTextTower(type)) return textTower.fromPretrained(source, options)
    throw new ConfigError(
      'unsupported-model-type',
      `${opened.describe}: model_type ${JSON.stringify(type)} is not supported. ${naflexAdvice(type) ?? ''} `.trimEnd() +
        ` Models: ${models.map(({ configClass }) => configClass.modelType).join(', ')}. Towers: ${towerTypes().join(', ')}.`,
    )
  },
})
