import { embedImages, tensor } from '@dual-encoder/core'

/** Pictures that go through a tower together, and texts. */
export const BATCH = 32

/**
 * `[N, D]`: the embeddings of pictures.
 * @param {import('@dual-encoder/onnx').VisionTextDualEncoderModel} model
 * @param {import('@dual-encoder/core').VisionTextDualEncoderProcessor} processor
 * @param {readonly import('./read.mjs').Entry[]} entries
 */
export async function embedded(model, processor, entries) {
  const items = entries.map(({ image }, id) => ({ id, image }))
  const rows = []
  for await (const { embedding, error } of embedImages(model, processor, items, { batchSize: BATCH })) {
    if (error) throw error
    rows.push(...embedding)
  }
  return tensor(Float32Array.from(rows), [entries.length, rows.length / entries.length])
}

/**
 * Tokens of texts, every batch of one length, since each makes a graph of its own.
 * @param {import('@dual-encoder/core').VisionTextDualEncoderProcessor} processor @param {string[]} text
 */
export const padded = (processor, text) => processor({ text, padding: 'max_length', maxLength: 32, truncation: true })
