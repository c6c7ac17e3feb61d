import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import packed from '@sparticuz/chromium'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'

export interface ChromiumOptions {
  /** WebGPU on SwiftShader's software adapter. */
  readonly webgpu?: boolean
  /** A camera that shows a moving pattern, and that pages may use. */
  readonly camera?: boolean
}

const SYSTEM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const CACHE = resolve(import.meta.dirname, '../../.cache/chromium')

/**
 * Unpacks the Chromium of the npm package once per checkout. It goes to `os.tmpdir()` by itself, where two runs
 * would write into each other's file; a folder of our own, renamed into place, makes it safe.
 */
export async function unpack(): Promise<string> {
  const executable = join(CACHE, 'chromium')
  if (existsSync(executable)) return executable
  const folder = `${CACHE}.${process.pid}`
  const before = process.env['TMPDIR']
  await mkdir(folder, { recursive: true })
  process.env['TMPDIR'] = folder
  try {
    await packed.executablePath()
  } finally {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
  await rename(folder, CACHE).catch(() => rm(folder, { recursive: true, force: true }))
  return executable
}

/** Headless Chromium: the npm package's, else the system's. WebGL2 runs on SwiftShader. */
export async function launchChromium({ webgpu = false, camera = false }: ChromiumOptions = {}): Promise<Browser> {
  const args = [
    '--no-sandbox',
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--ignore-gpu-blocklist',
    ...(webgpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'] : []),
    ...(camera ? ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] : []),
  ]
  // A driver named for Dawn in Node would switch WebGPU off in Chromium, whose libraries are its own.
  const { VK_DRIVER_FILES: _, VK_ICD_FILENAMES: __, LD_LIBRARY_PATH: ___, ...env } = process.env
  const failures: string[] = []
  for (const find of [
    unpack,
    ...SYSTEM.filter((path) => existsSync(path)).map((path) => () => Promise.resolve(path)),
  ]) {
    let executablePath: string | undefined
    try {
      executablePath = await find()
      return await chromium.launch({ executablePath, args, env })
    } catch (error) {
      failures.push(`${executablePath ?? '@sparticuz/chromium'}: ${(error as Error).message}`)
    }
  }
  throw new Error(
    'No Chromium starts on this machine. It comes with `npm ci` and needs a few system libraries: ' +
      '`apt-get update && apt-get install -y libnss3 libexpat1` (`.ci/run` does that), or install `chromium` itself.\n' +
      failures.join('\n'),
  )
}
