import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'

/** The embedded model, which the tests' servers have under `/model`. */
export const MODEL = resolve(import.meta.dirname, '../models/emoji-vit-bert')

/** The model's sample pictures, where a page and where Node finds them, their labels, and the processor. */
export async function loadSamples() {
  const expected = JSON.parse(await readFile(join(MODEL, 'expected.json'), 'utf8')) as Record<
    'images' | 'labels',
    string[]
  >
  const { labels } = expected
  return {
    given: { images: expected.images.map((name) => `/model/samples/${name}`), labels },
    images: expected.images.map((name) => join(MODEL, 'samples', name)),
    processor: await VisionTextDualEncoderProcessor.fromPretrained(MODEL),
  }
}
