// What ImageNet's classifier knows of photographs, without a photograph: of each class what the image tower would give of
// pictures that the classifier takes for it. W are its rows, S the covariance of what the tower gives of pictures: were the
// classes Gaussians of one shape, W would be S^-1 times their centres, so the centres lie along S W.
import { readFile } from 'node:fs/promises'
import { embedImages, ImageProcessor, readSafetensors } from '@dual-encoder/core'
import { VisionTower } from '@dual-encoder/onnx'
import { hashUnit } from './random.mjs'

/** So many drawings, and at most so many others, say what differs between pictures: classes are of photographs. */
const PICTURES = 1000
/** Samples of a class. */
const DRAWS = 7
/** How much of another picture's difference from the mean lies over a class. */
const SPREAD = 0.5
const CAPTIONS = ['a photo of a {}', 'a picture of a {}', 'this is a {}', 'a {}', '{}']

/** @param {readonly Float32Array[]} rows */
function meanOf(rows) {
  const mean = new Float64Array(rows[0]?.length ?? 0)
  for (const row of rows) for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] ?? 0) + (row[i] ?? 0) / rows.length
  return mean
}
/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
function dot(a, b) {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

/**
 * @param {string} folder of the image tower, with its classifier and its classes
 * @param {readonly { image: import('@dual-encoder/core').ImageSource, kind?: string }[]} pictures of any kind
 */
export async function classSamples(folder, pictures) {
  const tower = await VisionTower.fromPretrained(folder)
  const drawings = pictures.filter(({ kind }) => kind === undefined)
  const others = pictures.filter(({ kind }) => kind !== undefined)
  const some = [drawings, others].flatMap((kind) => kind.slice(0, PICTURES))
  const items = some.map(({ image }, id) => ({ id, image }))
  /** @type {Float32Array[]} */
  const rows = []
  for await (const { embedding, error } of embedImages(tower, await ImageProcessor.fromPretrained(folder), items, {
    batchSize: 32,
    normalize: false,
  })) {
    if (error) throw error
    rows.push(embedding)
  }
  await tower.dispose()
  const mean = meanOf(rows)
  const offsets = rows.map((row) => Float32Array.from(row, (value, i) => value - (mean[i] ?? 0)))
  const length = offsets.reduce((sum, row) => sum + Math.sqrt(dot(row, row)), 0) / offsets.length

  const { data, dims } = (await readSafetensors(`${folder}/classifier.safetensors`)).get('weight') ?? {}
  const size = dims?.[1] ?? 0
  const classifier = Array.from({ length: dims?.[0] ?? 0 }, (_, c) =>
    /** @type {Float32Array} */ (data).subarray(c * size, (c + 1) * size),
  )
  const usual = meanOf(classifier)
  const names = JSON.parse(await readFile(`${folder}/classes.json`, 'utf8'))
  return classifier.flatMap((row, c) => {
    const own = row.map((value, i) => value - (usual[i] ?? 0))
    const along = new Float32Array(size)
    for (const offset of offsets) {
      const share = dot(offset, own)
      for (let i = 0; i < size; i++) along[i] = (along[i] ?? 0) + share * (offset[i] ?? 0)
    }
    const scale = length / Math.sqrt(dot(along, along))
    return Array.from({ length: DRAWS }, (_, draw) => {
      const other = offsets[Math.floor(hashUnit(`class ${c} ${draw}`) * offsets.length)] ?? []
      return {
        key: `class ${c} ${draw}`,
        group: `class ${c}`,
        text: CAPTIONS.map((caption) => caption.replace('{}', names[c])),
        pooled: along.map((value, i) => (mean[i] ?? 0) + scale * value + SPREAD * (other[i] ?? 0)),
      }
    })
  })
}
