import { OptionError } from '@dual-encoder/core'
import { clipTrainingLoss, siglipTrainingLoss, type TrainingLoss } from '@dual-encoder/core/backend'

const LOSSES = { clip: clipTrainingLoss, siglip: siglipTrainingLoss }

/** The loss of a name, or a function of the user's as it is. */
export function lossOf(loss: keyof typeof LOSSES | TrainingLoss): TrainingLoss {
  if (typeof loss === 'function') return loss
  if (Object.hasOwn(LOSSES, loss)) return LOSSES[loss]
  throw new OptionError(
    'bad-loss',
    `loss: "${String(loss)}" is not known. Should be one of: ${Object.keys(LOSSES).join(', ')}; or a function over ops.`,
  )
}

/** What tells whether two pairs belong together. Pictures and captions are the same where these are `===`. */
export interface PairKeys {
  readonly group?: unknown
  readonly image?: unknown
  readonly caption?: unknown
}

/**
 * `[n, n]`: 1 where two pairs are positives of each other, because their group, picture or caption is the same. Two
 * captions of one picture that stand in a batch are then not pushed apart.
 * @param mode 'diagonal': each pair of itself alone, as PyTorch's and open_clip's losses have it
 */
export function positivesOf(pairs: readonly PairKeys[], mode: 'same' | 'diagonal' = 'same'): Float32Array {
  const n = pairs.length
  const positives = new Float32Array(n * n)
  for (let i = 0; i < n; i++) positives[i * n + i] = 1
  if (mode === 'diagonal') return positives
  for (const key of ['group', 'image', 'caption'] as const) {
    const rows = new Map<unknown, number[]>()
    pairs.forEach((pair, i) => {
      if (pair[key] === undefined) return
      const same = rows.get(pair[key]) ?? []
      for (const j of same) positives[i * n + j] = positives[j * n + i] = 1
      rows.set(pair[key], [...same, i])
    })
  }
  return positives
}
