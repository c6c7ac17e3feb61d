import { embedImages, tensor } from '@dual-encoder/core'

/** Pictures that go through a tower together, and texts. */
export const BATCH = 32

/** `[N, D]` of embeddings in order. @param {AsyncIterable<{ embedding?: Float32Array, error?: Error }>} embedded */
export async function rowsOf(embedded) {
  const rows = []
  let count = 0
  for await (const { embedding, error } of embedded) {
    if (!embedding) throw error
    rows.push(...embedding)
    count++
  }
  return tensor(Float32Array.from(rows), [count, rows.length / count])
}

/**
 * `[N, D]`: the embeddings of pictures, by a model or by a vision tower alone.
 * @param {Parameters<typeof embedImages>[0]} model
 * @param {Parameters<typeof embedImages>[1]} processor
 * @param {readonly { image: import('@dual-encoder/core').ImageSource }[]} entries
 */
export const embedded = (model, processor, entries) =>
  rowsOf(
    embedImages(
      model,
      processor,
      entries.map(({ image }, id) => ({ id, image })),
      { batchSize: BATCH },
    ),
  )

/**
 * Tokens of texts, every batch of one length, since each makes a graph of its own.
 * @param {import('@dual-encoder/core').VisionTextDualEncoderProcessor} processor @param {string[]} text
 */
export const padded = (processor, text) => processor({ text, padding: 'max_length', maxLength: 32, truncation: true })
