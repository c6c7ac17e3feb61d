import { BackendError } from '@dual-encoder/core/backend'
import type { Platform } from './gpu'

interface Dawn {
  create(flags: string[]): GPU
  readonly globals: object
}

/** Kept for ever: Dawn frees what its devices still use once this object is collected. */
let dawn: Promise<GPU> | undefined

async function start(): Promise<GPU> {
  let module: Dawn
  try {
    module = (await import('webgpu')) as unknown as Dawn
  } catch (cause) {
    throw new BackendError(
      'no-webgpu',
      'WebGPU in Node needs the package `webgpu` (Dawn), which does not load: `npm install webgpu`. ' +
        `(${(cause as Error).message.split('\n')[0]})`,
      { cause },
    )
  }
  for (const [name, value] of Object.entries(module.globals))
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  return module.create([])
}

export const platform: Platform = {
  gpu() {
    const own = (globalThis.navigator as Navigator | undefined)?.gpu
    if (own) return Promise.resolve(own)
    const started = (dawn ??= start())
    started.catch(() => (dawn = undefined))
    return started
  },
  noAdapter:
    'Dawn found no GPU adapter. On Linux it needs libvulkan.so.1 and a Vulkan driver (Debian: `apt-get install ' +
    'libvulkan1 mesa-vulkan-drivers`). Without a GPU, SwiftShader serves: VK_ICD_FILENAMES=<path>/vk_swiftshader_icd.json ' +
    'and LD_LIBRARY_PATH to the folder of its libraries; the npm package @sparticuz/chromium carries both.',
}
