const TRIED = 'dual-encoder-isolated'

/** The site's service worker: it gives pages the headers that threads need, and keeps them for when there is no network. */
export async function registered(base: string): Promise<ServiceWorker | undefined> {
  if (!('serviceWorker' in navigator)) return undefined
  const registration = await navigator.serviceWorker.register(`${base}sw.js`).catch(() => undefined)
  if (!registration) return undefined
  if (navigator.serviceWorker.controller) return navigator.serviceWorker.controller
  await Promise.race([
    new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done, { once: true })),
    new Promise((done) => setTimeout(done, 4000)),
  ])
  return navigator.serviceWorker.controller ?? undefined
}

/**
 * A page that was there before the service worker has no threads: it is loaded once more.
 * @returns whether that happens now
 */
export function reloadForThreads(worker: ServiceWorker | undefined): boolean {
  if (globalThis.crossOriginIsolated || !worker) return false
  if (sessionStorage.getItem(TRIED)) return false
  sessionStorage.setItem(TRIED, 'yes')
  location.reload()
  return true
}

/** Has the service worker keep the whole site. @returns whether it does */
export async function keptOffline(worker: ServiceWorker, webgpu: boolean): Promise<boolean> {
  const { port1, port2 } = new MessageChannel()
  const answer = new Promise<boolean>((done) => {
    port1.onmessage = ({ data }: MessageEvent<{ kept: boolean }>) => done(data.kept)
  })
  worker.postMessage({ keep: true, webgpu }, [port2])
  return answer
}
