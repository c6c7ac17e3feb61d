// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./script.d.ts" />
import { decodeImage, readPixels } from './decode/browser'
import type { Decoder } from './decoder'

export const decoder: Decoder = {
  decodeImage,
  readPixels,
  workerScript: async () => ({ text: (await import('./workers/browser-worker?script')).default }),
}
