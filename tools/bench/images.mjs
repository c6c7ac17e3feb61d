// Image preparation against transformers, interleaved in one run: `npm run build && node tools/bench/images.mjs`.
// PYTHON names a Python with transformers and torchvision (default python3); @huggingface/transformers is measured too
// where TRANSFORMERS_JS names its folder.
import { readFile, rm, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createImageProcessor, loadImage } from '@dual-encoder/core'
import sharp from 'sharp'
import { startChild } from './child.mjs'
import { median } from './median.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 15)
const CONFIG = { image_processor_type: 'CLIPImageProcessor', size: { shortest_edge: 224 }, crop_size: 224, resample: 3 }

// One thread each.
sharp.concurrency(1)

async function writePicture(folder, width, height) {
  const small = Buffer.from({ length: 400 * 300 * 3 }, (_, i) => ((i % 1200) / 5 + ((i * 7919) % 31)) & 255)
  const file = join(folder, `${width}x${height}.jpg`)
  const raw = { raw: { width: 400, height: 300, channels: 3 } }
  await sharp(small, raw).resize(width, height).jpeg({ quality: 90 }).toFile(file)
  return file
}

async function transformersJs(folder, file) {
  const { RawImage, CLIPImageProcessor } = await import(pathToFileURL(join(folder, 'dist/transformers.node.mjs')).href)
  const processor = new CLIPImageProcessor({
    ...CONFIG,
    do_resize: true,
    do_center_crop: true,
    do_rescale: true,
    do_normalize: true,
    rescale_factor: 1 / 255,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    crop_size: { height: 224, width: 224 },
  })
  const picture = await RawImage.read(file)
  return {
    load: () => RawImage.read(file),
    process: () => processor(picture.clone()),
    both: async () => processor(await RawImage.read(file)),
  }
}

async function time(run) {
  const start = performance.now()
  await run()
  return performance.now() - start
}

const PHOTOS = 32
/** As many at a time as the processor takes. */
async function onCallersThread(processor, bytes) {
  let left = PHOTOS
  const next = async () => {
    while (left-- > 0) await processor(await loadImage(bytes))
  }
  await Promise.all([next(), next(), next(), next()])
}

/** A batch of files, which workers are given, beside the same on the thread of the caller. */
async function measureThreads(bytes, name) {
  const processor = createImageProcessor(CONFIG)
  const batch = Array.from({ length: PHOTOS }, () => bytes)
  const runs = { workers: () => processor(batch), caller: () => onCallersThread(processor, bytes) }
  const results = { workers: [], caller: [] }
  for (let round = 0; round < ROUNDS + 1; round++)
    for (const [where, run] of Object.entries(runs)) {
      let stall = 0
      let last = performance.now()
      const timer = setInterval(() => {
        stall = Math.max(stall, performance.now() - last - 1)
        last = performance.now()
      }, 1)
      const before = performance.eventLoopUtilization()
      const ms = await time(run)
      const busy = performance.eventLoopUtilization(before).active
      clearInterval(timer)
      // The first starts the workers.
      if (round > 0) results[where].push({ rate: (PHOTOS / ms) * 1000, busy: busy / PHOTOS, stall })
    }
  for (const [where, rows] of Object.entries(results)) {
    const of = (key) => median(rows.map((row) => row[key])).toFixed(1)
    console.log(
      `${name} ${where.padEnd(7)} ${of('rate')} pictures/s, main thread busy ${of('busy')} ms each, longest stall ${of('stall')} ms`,
    )
  }
}

const folder = await mkdtemp(join(tmpdir(), 'bench-'))
const python = startChild(process.env.PYTHON ?? 'python3', [new URL('images.py', import.meta.url).pathname])
try {
  for (const [width, height] of [
    [640, 480],
    [4000, 3000],
  ]) {
    const file = await writePicture(folder, width, height)
    const bytes = await readFile(file)
    const picture = await loadImage(bytes)
    await measureThreads(bytes, `${width}x${height}`)
    const js = process.env.TRANSFORMERS_JS && (await transformersJs(process.env.TRANSFORMERS_JS, file))
    for (const backend of ['torchvision', 'pil']) {
      const processor = createImageProcessor(CONFIG, { backend })
      const ours = { load: () => loadImage(bytes), process: () => processor(picture), both: () => processor(bytes) }
      for (const what of ['load', 'process', 'both']) {
        const times = { ours: [], python: [], js: [] }
        for (let round = 0; round < ROUNDS + 3; round++) {
          const row = [await time(ours[what]), await python.ask([what, backend, file]), js ? await time(js[what]) : 0]
          if (round >= 3) Object.values(times).forEach((list, i) => list.push(row[i]))
        }
        const [our, his, theirs] = Object.values(times).map(median)
        const ratio = { median: his / our, min: Math.min(...times.python) / Math.min(...times.ours) }
        const beside = js ? `, transformers.js ${theirs.toFixed(2)} ms` : ''
        console.log(
          `${width}x${height} ${backend.padEnd(11)} ${what.padEnd(7)} ${our.toFixed(2)} ms, Python ${his.toFixed(2)} ms` +
            `: ${ratio.median.toFixed(2)}x as fast (${ratio.min.toFixed(2)}x by the shortest)${beside}`,
        )
      }
    }
  }
} finally {
  python.stop()
  await rm(folder, { recursive: true })
}
