// Memory of @dual-encoder/tfjs on wasm: how much the process of a ViT-B/16 + BERT-base (787 MB of weights) grows, and had
// grown at its worst, since it has started the backend: `npm run build && node tools/bench/tfjs-memory.mjs`.
// THREADS (default 2). Linux: it reads /proc. The checkpoint is made by tfjs.mjs.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { VisionTextDualEncoderModel } from '@dual-encoder/tfjs'

const CHECKPOINT = fileURLToPath(new URL('../../.cache/bench/vit-bert', import.meta.url))

/** Resident memory in MB: now, and the most there has been. */
function resident() {
  const status = readFileSync('/proc/self/status', 'utf8')
  const of = (name) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / 1e6
  return { now: of('VmRSS'), most: of('VmHWM') }
}

const model = await VisionTextDualEncoderModel.fromPretrained(CHECKPOINT, {
  backend: 'wasm',
  threads: Number(process.env.THREADS ?? 2),
})
await model.ready()
const { now: base } = resident()
const show = (what) => {
  const { now, most } = resident()
  console.log(`${what.padEnd(36)} ${(now - base).toFixed(0).padStart(5)} MB, at most ${(most - base).toFixed(0)} MB`)
}

const text = (dims) => ({ dims, dtype: 'int64', data: new BigInt64Array(dims[0] * dims[1]).fill(101n) })
const images = (count) => ({
  pixelValues: { dims: [count, 3, 224, 224], dtype: 'float32', data: new Float32Array(count * 3 * 224 * 224) },
})
console.log(`${base.toFixed(0)} MB with the backend started; beyond that:`)
await model.getTextFeatures({ inputIds: text([1, 32]) })
show('text tower loaded, one text')
await model.getImageFeatures(images(1))
show('image tower loaded too, one image')
await model.getImageFeatures(images(8))
show('eight images')
await model.getImageFeatures(images(32))
show('thirty-two images')
await model.dispose()
