// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./script.d.ts" />
import { pathToFileURL } from 'node:url'
import { decodeImage, loadSharp, readPixels, requireHere } from './decode/node'
import type { Decoder } from './decoder'
import type { DecoderUrls } from './workers/node-worker'

/** Where threads find packages. */
function urlsOfPackages(): DecoderUrls {
  const { resolve } = requireHere()
  const urlOf = (name: string) => pathToFileURL(resolve(name)).href
  let heif: string | undefined
  try {
    heif = urlOf('libheif-js/wasm-bundle.js')
  } catch {
    // Not installed: a thread says so when it is needed.
  }
  return { sharp: urlOf('sharp'), heif }
}

export const decoder: Decoder = {
  decodeImage,
  readPixels,
  staysHere: () => false,
  async workerScript() {
    // On glibc a library that a worker loads first is gone when that worker ends.
    await loadSharp()
    const { default: text } = await import('./workers/node-worker?script')
    return { text, data: urlsOfPackages() }
  },
}
