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
