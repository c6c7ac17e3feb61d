// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./script.d.ts" />
import { decodeImage, readPixels } from './decode/browser'
import { isHeic } from './decode/header'
import type { Decoder } from './decoder'

export const decoder: Decoder = {
  decodeImage,
  readPixels,
  // The script of a thread is no part of the bundle that holds libheif-js.
  staysHere: isHeic,
  workerScript: async () => ({ text: (await import('./workers/browser-worker?script')).default }),
}
