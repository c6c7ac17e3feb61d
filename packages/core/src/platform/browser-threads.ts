import type { Platform, Thread } from './platform'

export const threads = Math.min(globalThis.navigator?.hardwareConcurrency ?? 2, 4)

/** By a message, which a browser does not hold back as it does timers. */
export const turn: Platform['turn'] = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })

/** From a `blob:` URL, which every bundler leaves alone; a content security policy may forbid it. */
export const startThread: Platform['startThread'] = ({ text }, onMessage, onEnd): Promise<Thread> => {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(url)
    onMessage(data)
  }
  worker.onerror = (event) => {
    event.preventDefault()
    onEnd()
  }
  return Promise.resolve({ post: (message, transfer) => worker.postMessage(message, transfer), hold: () => undefined })
}
