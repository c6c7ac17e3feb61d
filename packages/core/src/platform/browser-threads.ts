// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./script.d.ts" />
import type { Platform, Thread } from './platform'

export const threads = Math.min(globalThis.navigator?.hardwareConcurrency ?? 2, 4)

/** From a `blob:` URL, which every bundler leaves alone; a content security policy may forbid it. */
export const startThread: Platform['startThread'] = async (onMessage, onEnd): Promise<Thread> => {
  const { default: script } = await import('./browser-worker?script')
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(url)
    onMessage(data)
  }
  worker.onerror = (event) => {
    event.preventDefault()
    onEnd()
  }
  return { post: (message, transfer) => worker.postMessage(message, transfer), hold: () => undefined }
}
