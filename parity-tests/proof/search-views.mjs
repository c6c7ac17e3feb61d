// Views of pictures that npm run pictures has made, and, as a process of its own, what a model makes of them: several side
// by side, of a thread each, are twice as quick as one whose threads wait for each other on a busy machine.
import { rename, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { AutoProcessor, embedImages } from '@dual-encoder/core'
import { AutoModel } from '@dual-encoder/onnx'
import sharp from 'sharp'
import { readShards } from '../../tools/pictures/read.mjs'

const SIDE = 64
/** Views of all pictures together, about. */
const VIEWS = 100_000

/** The pictures that there are views of. */
export const readPictures = async () =>
  (await Promise.all(['train', 'held-out', 'stamps', 'emoji'].map(readShards))).flat()

/** Of a file, its pixels on white. @param {Uint8Array} bytes */
async function pixelsOf(bytes) {
  const picture = sharp(bytes).flatten({ background: '#fff' }).resize(SIDE, SIDE, { fit: 'fill' })
  return picture.removeAlpha().toColourspace('srgb').raw().toBuffer()
}

/**
 * Views `[from, to)`: of each picture some, each time another part of it.
 * @param {readonly { image: Uint8Array }[]} entries
 * @param {number} from
 * @param {number} to
 */
export async function* views(entries, from, to) {
  const each = Math.ceil(VIEWS / entries.length)
  /** @type {Uint8Array} */
  let data = new Uint8Array()
  for (let row = from; row < to; row++) {
    const [picture, view] = [Math.floor(row / each) % entries.length, row % each]
    if (row === from || view === 0) data = await pixelsOf(entries[picture].image)
    const side = SIDE - 4 * (1 + (view % 4))
    const [left, top] = [(view * 5) % (SIDE - side + 1), (view * 3) % (SIDE - side + 1)]
    const part = new Uint8ClampedArray(side * side * 3)
    for (let y = 0; y < side; y++) {
      const start = ((top + y) * SIDE + left) * 3
      part.set(data.subarray(start, start + side * 3), y * side * 3)
    }
    yield { id: `${row}`, image: { data: part, width: side, height: side, channels: 3 } }
  }
}

/**
 * What a model makes of views `[from, to)`, into a file that appears when it is whole.
 * @param {string} file
 * @param {{ source: string, from: number, to: number }} what
 */
async function embedInto(file, { source, from, to }) {
  const model = await AutoModel.fromPretrained(source, { threads: 1 })
  const processor = await AutoProcessor.fromPretrained(source)
  const pictures = views(await readPictures(), from, to)
  /** @type {Float32Array[]} */
  const vectors = []
  for await (const { embedding, error } of embedImages(model, processor, pictures, { batchSize: 4 })) {
    if (error) throw error
    vectors.push(embedding)
  }
  await writeFile(`${file}.partial`, Buffer.concat(vectors.map((vector) => Buffer.from(vector.buffer))))
  await rename(`${file}.partial`, file)
  await model.dispose()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await embedInto(process.argv[2], JSON.parse(process.argv[3]))
