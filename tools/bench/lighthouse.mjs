// Lighthouse on the built site's first page: `npm run docs && node tools/bench/lighthouse.mjs`. ROUNDS (default 3) of each
// form factor; writes docs/proof/lighthouse.json with the median by performance. It comes through npx: Lighthouse is what
// this repository's dependencies are not (12 is the last that Node 20 runs). SITE_FOLDER: a site built elsewhere.
import { execFile } from 'node:child_process'
import { createReadStream, existsSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { loadavg } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createGzip } from 'node:zlib'

const LIGHTHOUSE = 'lighthouse@12.8.2'
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }
const { ROUNDS = '3' } = process.env
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const folder = process.env.SITE_FOLDER ?? path('../../docs/.vitepress/dist')
const chromium = path('../../.cache/chromium/chromium')
if (!existsSync(chromium)) throw new Error('No Chromium is unpacked yet: any test of a browser does it.')

// A host that packs what it sends, and sets no other header.
const server = createServer(({ url = '/' }, response) => {
  const { pathname } = new URL(url, 'http://localhost')
  const file = join(folder, pathname.endsWith('/') ? `${pathname}index.html` : pathname)
  if (!file.startsWith(folder) || !existsSync(file) || !statSync(file).isFile())
    return void response.writeHead(404).end()
  const type = TYPES[extname(file)] ?? 'application/octet-stream'
  const packed = extname(file) in TYPES
  response.writeHead(200, { 'content-type': type, ...(packed && { 'content-encoding': 'gzip' }) })
  const content = createReadStream(file)
  ;(packed ? content.pipe(createGzip()) : content).pipe(response)
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))

/** @param {'mobile' | 'desktop'} form */
async function round(form) {
  const page = `http://127.0.0.1:${server.address().port}/`
  const flags = '--headless --no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader'
  const args = ['--yes', LIGHTHOUSE, page, '--output=json', '--quiet', `--chrome-flags=${flags}`]
  if (form === 'desktop') args.push('--preset=desktop')
  const env = { ...process.env, CHROME_PATH: chromium }
  const { stdout } = await promisify(execFile)('npx', args, { env, maxBuffer: 2 ** 27 })
  const { categories, audits } = JSON.parse(stdout)
  const score = (name) => Math.round(100 * categories[name].score)
  const shown = (name) => audits[name].displayValue.replace(/\s/g, ' ')
  return {
    performance: score('performance'),
    accessibility: score('accessibility'),
    bestPractices: score('best-practices'),
    largestContentfulPaint: shown('largest-contentful-paint'),
    totalBlockingTime: shown('total-blocking-time'),
    cumulativeLayoutShift: Number(shown('cumulative-layout-shift')),
  }
}

try {
  const load = loadavg()[0].toFixed(1)
  const result = {}
  for (const form of ['mobile', 'desktop']) {
    const rounds = []
    for (let i = 0; i < Number(ROUNDS); i++) rounds.push(await round(form))
    const sorted = rounds.toSorted((a, b) => a.performance - b.performance)
    result[form] = { ...sorted[sorted.length >> 1], performanceOfEach: rounds.map(({ performance }) => performance) }
    console.log(form, result[form])
  }
  const json = {
    date: new Date().toISOString().slice(0, 10),
    what: `Lighthouse on the built site's first page (tools/bench/lighthouse.mjs), gzip, no other header; headless Chromium of @sparticuz/chromium on two processors, with ${load} processes at work before it began.`,
    lighthouse: LIGHTHOUSE.split('@')[1],
    ...result,
  }
  if (existsSync(path('../../docs/proof')))
    writeFileSync(path('../../docs/proof/lighthouse.json'), `${JSON.stringify(json, null, 2)}\n`)
} finally {
  server.close()
  server.closeAllConnections()
}
