import type { DualEncoderOutput, Tensor, TowerModelOutput } from '@dual-encoder/core'
import { expect } from 'vitest'

export interface Difference {
  /** Largest absolute difference. */
  readonly absolute: number
  /** That, over the largest absolute value expected. */
  readonly relative: number
  readonly index: number
  readonly given: number
  readonly wanted: number
}

/**
 * The worst place of two tensors of one shape, which is checked; a number may be stored as one of a row. NaN counts as
 * infinitely far.
 */
export function difference(given: Tensor, wanted: Tensor): Difference {
  if (wanted.dims.join() === '1') expect(given.data.length, 'number of values').toBe(1)
  else expect(given.dims, 'dims').toEqual(wanted.dims)
  let [absolute, scale, index] = [0, 0, 0]
  for (let i = 0; i < wanted.data.length; i++) {
    const [a, b] = [Number(given.data[i]), Number(wanted.data[i])]
    const distance = Number.isFinite(a - b) ? Math.abs(a - b) : a === b ? 0 : Infinity
    if (distance > absolute) [absolute, index] = [distance, i]
    scale = Math.max(scale, Math.abs(b))
  }
  const relative = scale === 0 ? absolute : absolute / scale
  return { absolute, relative, index, given: Number(given.data[index]), wanted: Number(wanted.data[index]) }
}

/** Names as in `expected.safetensors`. */
export function namedOutputs(output: DualEncoderOutput): Map<string, Tensor> {
  const named = new Map<string, Tensor>([
    ['logits_per_image', output.logitsPerImage],
    ['logits_per_text', output.logitsPerText],
    ['text_embeds', output.textEmbeds],
    ['image_embeds', output.imageEmbeds],
  ])
  const tower = (prefix: string, { lastHiddenState, poolerOutput, hiddenStates, attentions }: TowerModelOutput) => {
    named.set(`${prefix}_last_hidden_state`, lastHiddenState)
    named.set(`${prefix}_pooler_output`, poolerOutput)
    hiddenStates?.forEach((value, i) => named.set(`${prefix}_hidden_states.${i}`, value))
    attentions?.forEach((value, i) => named.set(`${prefix}_attentions.${i}`, value))
  }
  tower('text', output.textModelOutput)
  tower('vision', output.visionModelOutput)
  return named
}
