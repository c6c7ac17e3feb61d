// The site's service worker. It gives every answer the headers that threads need (a static host may set none), and keeps
// what it has fetched, so that the site opens without a network.
const KEPT = 'dual-encoder-site'
const HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
}
// A worker has a policy of its own: that of the answer it came in. Pages carry theirs in a <meta>.
const WORKER_POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; connect-src 'self' blob: data:"

self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

function withHeaders(response, { destination }) {
  const headers = new Headers(response.headers)
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value)
  if (destination === 'worker') headers.set('content-security-policy', WORKER_POLICY)
  const { status, statusText } = response
  const isBare = status === 204 || status === 304
  return new Response(isBare ? null : response.body, { status, statusText, headers })
}

/** Names of files and folders with a hash in them never change. */
const isHashed = (url) => /\/assets\/.*\.[\w-]{8}[./]/.test(url.pathname)

async function keptAnswer(cache, url) {
  const options = { ignoreSearch: true, ignoreVary: true }
  return (
    (await cache.match(url.href, options)) ??
    (url.pathname.endsWith('/') ? cache.match(`${url.href}index.html`) : undefined)
  )
}

async function answer(request) {
  const cache = await caches.open(KEPT)
  const url = new URL(request.url)
  const before = isHashed(url) ? await keptAnswer(cache, url) : undefined
  if (before) return withHeaders(before, request)
  try {
    const response = await fetch(request)
    if (response.status === 200 && !response.redirected) await cache.put(url.href, response.clone())
    return withHeaders(response, request)
  } catch (error) {
    const kept = await keptAnswer(cache, url)
    if (kept) return withHeaders(kept, request)
    throw error
  }
}

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (url.origin !== self.location.origin || !['GET', 'HEAD'].includes(request.method)) return
  // A part of a file, and what only asks whether a file is there: answered from a whole copy, where there is one.
  if (request.method === 'HEAD' || request.headers.has('range')) event.respondWith(partly(request, url))
  else event.respondWith(answer(request))
})

async function partly(request, url) {
  try {
    return withHeaders(await fetch(request), request)
  } catch (error) {
    const kept = await keptAnswer(await caches.open(KEPT), url)
    if (!kept) throw error
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get('range') ?? '') ?? []
    if (from === undefined) return withHeaders(new Response(null, kept), request)
    const whole = await kept.blob()
    const end = to ? Math.min(Number(to) + 1, whole.size) : whole.size
    const headers = new Headers(kept.headers)
    headers.set('content-range', `bytes ${from}-${end - 1}/${whole.size}`)
    return withHeaders(new Response(whole.slice(Number(from), end), { status: 206, headers }), request)
  }
}

/** Fetches what of the site is not here yet, and drops what the site no longer has. */
async function keep({ webgpu }) {
  const cache = await caches.open(KEPT)
  const list = await (await fetch('offline.json', { cache: 'no-cache' })).json()
  const wanted = [...list.files, ...(webgpu ? list.webgpu : [])].map((name) => new URL(name, self.registration.scope))
  const hrefs = new Set(wanted.map(({ href }) => href))
  for (const { url } of await cache.keys()) if (isHashed(new URL(url)) && !hrefs.has(url)) await cache.delete(url)
  for (const url of wanted) if (!isHashed(url) || !(await cache.match(url.href))) await cache.add(url.href)
}

self.addEventListener('message', (event) => {
  const [port] = event.ports
  if (event.data?.keep)
    event.waitUntil(
      keep(event.data).then(
        () => port?.postMessage({ kept: true }),
        () => port?.postMessage({ kept: false }),
      ),
    )
})
