// Image preparation against transformers, interleaved in one run: `npm run build && node tools/bench/images.mjs`.
// PYTHON names a Python with transformers and torchvision (default python3); @huggingface/transformers is measured too
// where TRANSFORMERS_JS names its folder.
import { spawn } from 'node:child_process'
import { readFile, rm, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { createImageProcessor, loadImage } from '@dual-encoder/core'
import sharp from 'sharp'

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

function startPython() {
  const child = spawn(process.env.PYTHON ?? 'python3', [new URL('images.py', import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const waiting = []
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(Number(line)))
  const fail = () => waiting.splice(0).forEach(({ reject }) => reject(new Error('PYTHON has no transformers')))
  child.on('error', fail).on('exit', fail)
  child.stdin.on('error', fail)
  return {
    measure: (what, backend, file) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        child.stdin.write(`${what} ${backend} ${file}\n`)
      }),
    stop: () => child.kill(),
  }
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

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

const folder = await mkdtemp(join(tmpdir(), 'bench-'))
const python = startPython()
try {
  for (const [width, height] of [
    [640, 480],
    [4000, 3000],
  ]) {
    const file = await writePicture(folder, width, height)
    const bytes = await readFile(file)
    const picture = await loadImage(bytes)
    const js = process.env.TRANSFORMERS_JS && (await transformersJs(process.env.TRANSFORMERS_JS, file))
    for (const backend of ['torchvision', 'pil']) {
      const processor = createImageProcessor(CONFIG, { backend })
      const ours = { load: () => loadImage(bytes), process: () => processor(picture), both: () => processor(bytes) }
      for (const what of ['load', 'process', 'both']) {
        const times = { ours: [], python: [], js: [] }
        for (let round = 0; round < ROUNDS + 3; round++) {
          const row = [await time(ours[what]), await python.measure(what, backend, file), js ? await time(js[what]) : 0]
          if (round >= 3) Object.values(times).forEach((list, i) => list.push(row[i]))
        }
        const [our, his, theirs] = Object.values(times).map(median)
        const beside = js ? `, transformers.js ${theirs.toFixed(2)} ms` : ''
        console.log(
          `${width}x${height} ${backend.padEnd(11)} ${what.padEnd(7)} ${our.toFixed(2)} ms, Python ${his.toFixed(2)} ms` +
            `: ${(his / our).toFixed(2)}x as fast${beside}`,
        )
      }
    }
  }
} finally {
  python.stop()
  await rm(folder, { recursive: true })
}
