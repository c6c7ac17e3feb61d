// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./script.d.ts" />
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { decodeImage, loadSharp, readPixels } from './decode/node'
import type { Decoder } from './decoder'

export const decoder: Decoder = {
  decodeImage,
  readPixels,
  async workerScript() {
    // On glibc a library that a worker loads first is gone when that worker ends.
    await loadSharp()
    const { default: text } = await import('./workers/node-worker?script')
    return {
      text,
      data: pathToFileURL(createRequire(import.meta.url ?? join(process.cwd(), '_')).resolve('sharp')).href,
    }
  },
}
