import { createImageProcessor, DualEncoderError, loadImage, type ImageSource } from '@dual-encoder/core'

import { checkDecoding, checkTransparency, type DecodingFixture, type TransparencyFixture } from './decoding'
import { draw } from './draw'
import { generator, mutated } from './mutate'
import { checkProcessor, type ProcessorFixture } from './processors'

const json = async (url: string): Promise<unknown> => (await fetch(url)).json()

/** The processor cases that differ. `fixtures` is the folder's URL. */
async function checkProcessors(fixtures: string, asFile = false): Promise<string[]> {
  const { cases } = (await json(`${fixtures}/processors.json`)) as ProcessorFixture
  const differences: string[] = []
  for (const backend of ['torchvision', 'pil'] as const)
    for (const item of cases) {
      const difference = await checkProcessor(item, backend, asFile)
      if (difference) differences.push(difference)
    }
  return differences
}

/** The same from files, which workers are given; how many, of how many threads, and what becomes of bad ones. */
async function checkWorkers(fixtures: string) {
  let posted = 0
  const threads = new Set<Worker>()
  const { postMessage } = Worker.prototype
  Worker.prototype.postMessage = function (this: Worker, ...args: unknown[]) {
    posted++
    threads.add(this)
    return Reflect.apply(postMessage, this, args)
  }
  const names = ['c2d8.png', 'c6d8.png', 'truncated.jpg', 'c2d8.png', 'sub0-33x47.jpg']
  const files = await Promise.all(
    names.map(async (name) => new Uint8Array(await (await fetch(`${fixtures}/files/${name}`)).arrayBuffer())),
  )
  const processor = createImageProcessor({ image_processor_type: 'ViTImageProcessor', size: 8 })
  const { pixelValues, indices, errors = [] } = await processor(files, { onError: 'skip' })
  const pixels = await Promise.all(indices!.map((index) => loadImage(files[index]!)))
  const direct = await processor(pixels)
  const batch = {
    same: direct.pixelValues.data.every((value, i) => value === pixelValues.data[i]),
    indices,
    errors: errors.map(({ index, error }) => [index, error.name, error.code]),
    thrown: await processor(files).catch((error: Error) => error.message.slice(0, 10)),
    threads: threads.size,
  }
  posted = 0
  const differences = await checkProcessors(fixtures, true)
  Worker.prototype.postMessage = postMessage
  return { batch, posted, differences }
}

/** The files that differ, and how. */
const checkFiles = (fixtures: string) => differing(`${fixtures}/decoding.json`, `${fixtures}/files`)
const checkFormats = (fixtures: string) => differing(`${fixtures}/formats.json`, `${fixtures}/files`)
const checkHeic = (fixtures: string) => differing(`${fixtures}/heic.json`, `${fixtures}/heic`)
const checkTiffs = (fixtures: string) => differing(`${fixtures}/tiff.json`, `${fixtures}/tiff`)

async function differing(list: string, folder: string): Promise<Record<string, string>> {
  const { files } = (await json(list)) as DecodingFixture
  const differences: Record<string, string> = {}
  for (const [name, expected] of Object.entries(files)) {
    const bytes = new Uint8Array(await (await fetch(`${folder}/${name}`)).arrayBuffer())
    const difference = await checkDecoding(bytes, expected)
    if (difference) differences[name] = difference
  }
  return differences
}

/** The transparent files that differ on white or another colour, and elements that do not come on white by default. */
async function checkTransparent(fixtures: string): Promise<string[]> {
  const fixture = (await json(`${fixtures}/transparency.json`)) as TransparencyFixture
  const differences = await checkTransparency(
    fixture,
    async (name) => new Uint8Array(await (await fetch(`${fixtures}/files/${name}`)).arrayBuffer()),
  )
  const canvas = new OffscreenCanvas(2, 2)
  canvas.getContext('2d')!.clearRect(0, 0, 2, 2)
  const plain = { do_resize: false, do_center_crop: false, do_rescale: false, do_normalize: false }
  for (const [type, expected] of [
    ['CLIPImageProcessor', 255],
    ['ViTImageProcessor', 0],
  ] as const) {
    const processor = createImageProcessor({ image_processor_type: type, ...plain })
    const { pixelValues } = await processor([canvas, canvas.transferToImageBitmap()])
    if (!pixelValues.data.every((value) => value === expected)) differences.push(type)
  }
  return differences
}

/** The kinds of source that only a window has, and a picture too large to be read back at once: those that differ. */
async function checkSources(fixtures: string): Promise<string[]> {
  const url = `${fixtures}/files/c6d8.png`
  const element = new Image()
  element.src = url
  await element.decode()
  const large = draw('noise', 1800, 2600, 1)
  const canvas = new OffscreenCanvas(large.width, large.height)
  const context = canvas.getContext('2d')!
  const pixels = context.createImageData(large.width, large.height)
  pixels.data.fill(255)
  for (let i = 0; i < large.data.length; i++) pixels.data[Math.floor(i / 3) * 4 + (i % 3)] = large.data[i]!
  context.putImageData(pixels, 0, 0)
  const blob = await canvas.convertToBlob({ type: 'image/png' })
  const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer())
  const small = await loadImage(bytes)

  const sources: [what: string, source: ImageSource, expected: { data: Uint8Array | Uint8ClampedArray }][] = [
    ['relative URL', new URL(url).pathname, small],
    ['URL', new URL(url), small],
    ['File', new File([bytes], 'picture.png'), small],
    ['ImageBitmap', await createImageBitmap(new Blob([bytes]), { premultiplyAlpha: 'none' }), small],
    ['image element', element, small],
    ['ImageData', pixels, large],
    ['canvas', canvas, large],
    ['large Blob', blob, large],
    ['object URL', URL.createObjectURL(blob), large],
  ]
  const differences: string[] = []
  for (const [what, source, { data }] of sources) {
    const image = await loadImage(source).catch((error: unknown) => String(error))
    const same =
      typeof image === 'object' && data.length === image.data.length && data.every((v, i) => v === image.data[i])
    if (!same) differences.push(`${what}: ${typeof image === 'object' ? 'other bytes' : image}`)
  }
  return differences
}

/** Mutated files that gave neither a picture nor a typed error, or took too long. */
async function checkDamaged(fixtures: string): Promise<string[]> {
  const { files } = (await json(`${fixtures}/decoding.json`)) as DecodingFixture
  const random = generator(3)
  const failures: string[] = []
  for (let round = 0; round < 3; round++)
    for (const name of Object.keys(files)) {
      const bytes = new Uint8Array(await (await fetch(`${fixtures}/files/${name}`)).arrayBuffer())
      const start = performance.now()
      try {
        await loadImage(mutated(bytes, random), { maxPixels: 1e7 })
      } catch (error) {
        if (!(error instanceof DualEncoderError)) failures.push(`${name} ${round}: ${String(error)}`)
      }
      if (performance.now() - start > 5000) failures.push(`${name} ${round}: took more than 5 s`)
    }
  return failures
}

/** A browser without WebGL2. */
function withoutWebgl(): void {
  const { prototype } = OffscreenCanvas
  const getContext = Object.getOwnPropertyDescriptor(prototype, 'getContext')!.value as (...args: unknown[]) => unknown
  Object.assign(prototype, {
    getContext(this: OffscreenCanvas, kind: string, ...rest: unknown[]) {
      return kind === 'webgl2' ? null : getContext.call(this, kind, ...rest)
    },
  })
}

const checks = {
  checkProcessors,
  checkWorkers,
  checkFiles,
  checkTransparent,
  checkFormats,
  checkHeic,
  checkTiffs,
  checkSources,
  checkDamaged,
  withoutWebgl,
}
export type Checks = typeof checks
Object.assign(globalThis, { checks })
