import type { ParamMask } from '@dual-encoder/core'
import {
  bothSides,
  inMask,
  InputError,
  memoryWeight,
  roundTo,
  tensor,
  type WeightEntry,
  type Weights,
} from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { makeCurrent } from './backend'
import { toHost } from './runner'
import { loadTensors } from './weights'

/** A model's parameters by their names in the checkpoint, in its layouts (`[out, in]`), as Flax's `params`. */
export type Params = Readonly<Record<string, tf.Tensor>>

/** A checkpoint's weights as parameters on a backend. */
export async function readParams(weights: Weights, backend: string): Promise<Params> {
  return Object.fromEntries(await loadTensors(weights.values(), () => makeCurrent(backend)))
}

/** A copy of parameters as a checkpoint's weights. */
export async function weightsOf(params: Params): Promise<WeightEntry[]> {
  return Promise.all(Object.entries(params).map(async ([name, value]) => memoryWeight(name, await toHost(value))))
}

/** @throws InputError where names or shapes are not those of `weights`. */
export function checkParams(params: Params, weights: Weights): void {
  const missing = [...weights.keys()].filter((name) => !(name in params))
  const unknown = Object.keys(params).filter((name) => !weights.has(name))
  if (missing.length > 0 || unknown.length > 0)
    throw new InputError(
      'wrong-params',
      `params: ${missing.length} parameters are missing (-), ${unknown.length} do not belong to this model (+).\n` +
        bothSides(missing, unknown),
    )
  for (const { name, shape } of weights.values()) {
    const given = params[name]?.shape ?? []
    if (given.join() !== shape.join())
      throw new InputError(
        'wrong-params',
        `params: "${name}" is [${given.join(', ')}]; [${shape.join(', ')}] is needed.`,
      )
  }
}

async function rounded(params: Params, mask: ParamMask | undefined, dtype: 'float16' | 'bfloat16'): Promise<Params> {
  const entries = Object.entries(params).map(async ([name, value]) => {
    if (!inMask(mask, name)) return [name, tf.clone(value)] as const
    const host = tensor(await value.data<'float32'>(), value.shape)
    return [name, tf.tensor(roundTo(host, dtype).data as Float32Array, value.shape)] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

/**
 * Flax's `to_bf16`: a new tree whose values are the nearest that bfloat16 holds. TensorFlow.js has no
 * half precision, so they stay float32 tensors.
 * @param mask the parameters to round; all by default
 */
export const toBf16 = (params: Params, mask?: ParamMask): Promise<Params> => rounded(params, mask, 'bfloat16')

/** Flax's `to_fp16`, as `toBf16`. */
export const toFp16 = (params: Params, mask?: ParamMask): Promise<Params> => rounded(params, mask, 'float16')

/** Flax's `to_fp32`: a new tree of the same values, which are float32 here whatever they were rounded to. */
export const toFp32 = (params: Params): Promise<Params> =>
  Promise.resolve(Object.fromEntries(Object.entries(params).map(([name, value]) => [name, tf.clone(value)])))
