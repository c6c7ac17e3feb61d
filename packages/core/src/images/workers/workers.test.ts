import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { decoder } from '#decoder'
import { platform } from '#platform'
import { script } from '../../../../../tools/build/script'
import { DualEncoderError } from '../../base/errors'
import { processorDefaults } from '../processors/defaults'
import type { Task } from '../processors/prepare'
import { createImageProcessor } from '../processors/processor'
import { settingsOf } from '../processors/settings'
import { runJob, type Planes } from './job'
import { runOnWorker, workersStarted } from './pool'

const PACKAGE = resolve(import.meta.dirname, '../../..')
/** Within the repository, where `sharp` is found. */
async function cacheFolder(): Promise<string> {
  const folder = join(PACKAGE, '../../.cache')
  await mkdir(folder, { recursive: true })
  return folder
}
const FILES = new URL('../../../../../parity-tests/fixtures/images/files/', import.meta.url)
const fileOf = (name: string) => readFile(new URL(name, FILES))
const clip = { image_processor_type: 'CLIPImageProcessor', size: { shortest_edge: 30 }, crop_size: 24 }
const fields = { ...processorDefaults('CLIPImageProcessor'), size: clip.size }
const task = {
  settings: settingsOf('CLIPImageProcessor', fields),
  backend: 'torchvision',
  pillow: 13,
  maxPixels: 1e8,
} satisfies Task

const hash = (data: NodeJS.TypedArray) => createHash('sha256').update(data).digest('hex')

/** What became of a job, to compare. */
const outcome = (job: Promise<Planes | undefined>) =>
  job.then(
    (planes) => planes && { ...planes, data: hash(planes.data) },
    (error: unknown) => {
      if (!(error instanceof DualEncoderError)) throw error
      return { name: error.name, code: error.code, message: error.message }
    },
  )

const posts = vi.spyOn(Worker.prototype, 'postMessage')
beforeAll(workersStarted)
afterEach(() => posts.mockClear())

describe('workers', () => {
  it('give the planes and the errors that the thread of the caller gives', async () => {
    const outcomes = new Set<string>()
    for (const name of await readdir(FILES))
      for (const backend of ['torchvision', 'pil'] as const) {
        const bytes = await fileOf(name)
        const here = await outcome(runJob(bytes, { ...task, backend }, decoder.decodeImage))
        const there = await outcome(runOnWorker(bytes, { ...task, backend }))
        expect(there, name).toEqual(here)
        outcomes.add((here as { code?: string }).code ?? 'planes')
      }
    expect([...outcomes].sort()).toEqual(['image-corrupt', 'image-unsupported-format', 'planes'])
  })

  it('share a batch, whose pictures and errors keep their places', async () => {
    const images = [
      await fileOf('c2d8.png'),
      await fileOf('truncated.jpg'),
      await fileOf('c6d8.png'),
      Buffer.from('no'),
    ]
    const processor = createImageProcessor(clip)
    const { pixelValues, indices, errors } = await processor(images, { onError: 'skip' })
    expect(posts).toHaveBeenCalledTimes(4)
    expect(new Set(posts.mock.contexts).size).toBe(platform.threads)
    expect(indices).toEqual([0, 2])
    expect(errors?.map(({ index, error }) => [index, error.name, error.code])).toEqual([
      [1, 'ImageError', 'image-corrupt'],
      [3, 'ImageError', 'image-unsupported-format'],
    ])
    const alone = await processor(await fileOf('c6d8.png'))
    expect(pixelValues.data.slice(3 * 24 * 24)).toEqual(alone.pixelValues.data)
    await expect(processor(images.slice(0, 3))).rejects.toMatchObject({
      code: 'image-corrupt',
      message: expect.stringMatching(/^images\[1\]: The JPEG/) as string,
    })
  })

  it("copy what they are given, and of a larger buffer the picture's bytes alone", async () => {
    const bytes = await fileOf('c2d8.png')
    const large = new Uint8Array(bytes.length + 1000)
    large.set(bytes, 500)
    const view = large.subarray(500, 500 + bytes.length)
    const image = await outcome(runOnWorker(view, task))
    expect(image).toEqual(await outcome(runOnWorker(bytes, task)))
    expect(posts.mock.calls[0]![0]).toHaveProperty('bytes.buffer.byteLength', 0)
    expect(hash(view)).toBe(hash(bytes))
  })

  it('refuse large pictures as the thread of the caller does', async () => {
    const error = await createImageProcessor(clip)(await fileOf('c2d8.png'), { maxPixels: 100 }).catch(
      (e: unknown) => e,
    )
    expect(posts).toHaveBeenCalledOnce()
    expect(error).toMatchObject({ name: 'ImageError', code: 'image-too-large' })
  })

  it('get no more pictures when the signal aborts', async () => {
    const controller = new AbortController()
    const bytes = await fileOf('c2d8.png')
    posts.mockImplementationOnce(function (this: Worker, ...message) {
      controller.abort(new Error('enough'))
      return Worker.prototype.postMessage.apply(this, message)
    })
    const images = Array.from({ length: 100 }, () => bytes)
    const call = createImageProcessor(clip)(images, { signal: controller.signal, onError: 'skip', concurrency: 2 })
    await expect(call).rejects.toThrow('enough')
    expect(posts.mock.calls.length).toBeLessThan(5)
  })

  it('may end: what they had is done by the thread of the caller', async () => {
    const images = await Promise.all(['c2d8.png', 'c6d8.png', 'c2d8.png', 'c6d8.png'].map(fileOf))
    const processor = createImageProcessor(clip)
    const before = await processor(images)
    const workers = new Set(posts.mock.contexts as Worker[])
    posts.mockClear()
    const call = processor(images)
    await vi.waitUntil(() => posts.mock.calls.length === 4)
    await Promise.all([...workers].map((worker) => worker.terminate()))
    expect(hash((await call).pixelValues.data)).toBe(hash(before.pixelValues.data))
    expect(hash((await processor(images)).pixelValues.data)).toBe(hash(before.pixelValues.data))
    expect(posts).toHaveBeenCalledTimes(4)
  })
})

describe('a program', () => {
  /** Prints the hash of a batch, and which threads there were; it has to end by itself. */
  const PROGRAM = `
    import { createHash } from 'node:crypto'
    import { readFileSync } from 'node:fs'
    import { Worker } from 'node:worker_threads'
    import { createImageProcessor } from './src/images'
    let posts = 0
    const { postMessage } = Worker.prototype
    Worker.prototype.postMessage = function (...message) { posts++; return postMessage.apply(this, message) }
    async function main() {
      const bytes = readFileSync('${fileURLToPath(new URL('c2d8.png', FILES))}')
      const processor = createImageProcessor(${JSON.stringify(clip)})
      const { pixelValues } = await processor(process.env.ONE ? bytes : [bytes, bytes, bytes])
      while (process.env.MORE && posts < 3) await processor(bytes)
      console.log(JSON.stringify({ posts, first: [...pixelValues.data.slice(0, 9)] }))
    }
    void main()
  `
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'

  it.each([
    ['ends by itself when its workers have nothing to do', 'esm', [], {}, 3],
    ['has workers in a bundle of CommonJS', 'cjs', [], {}, 3],
    ['does not wait for them for one picture', 'esm', [], { ONE: '1' }, 0],
    ['has them for pictures that come one by one', 'esm', [], { ONE: '1', MORE: '1' }, 3],
    ['does without where it may have none', 'esm', [permission, '--allow-fs-read=*', '--allow-addons'], {}, 0],
    ['keeps its own flags from them', 'esm', ['--import', 'data:text/javascript,process.title'], {}, 3],
  ] as const)('%s', async (_, format, flags, env, expected) => {
    const folder = await mkdtemp(join(await cacheFolder(), 'workers-'))
    try {
      const outfile = join(folder, format === 'esm' ? 'program.mjs' : 'program.cjs')
      await build({
        stdin: { contents: PROGRAM, loader: 'ts', resolveDir: PACKAGE },
        bundle: true,
        minify: true,
        platform: 'node',
        format,
        conditions: ['@dual-encoder/source', 'node', 'import'],
        external: ['sharp'],
        plugins: [script],
        logLevel: 'silent',
        outfile,
      })
      const options = { timeout: 20_000, env: { ...process.env, ...env, NODE_NO_WARNINGS: '1' }, cwd: PACKAGE }
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, outfile], options)
      expect(stderr).toBe('')
      const { pixelValues } = await createImageProcessor(clip)(await fileOf('c2d8.png'))
      expect(JSON.parse(stdout)).toEqual({ posts: expected, first: [...pixelValues.data.slice(0, 9)] })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
