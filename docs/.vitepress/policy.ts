import { createHash } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'

const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/**
 * The content security policy of a page, in a `<meta>`: its own files, its inline scripts by their hashes, and nothing of
 * another origin. Engines are WebAssembly, and start their threads from blobs.
 */
export function withPolicy(html: string): string {
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(([, text = '']) =>
    sha256(text),
  )
  const policy = [
    "default-src 'self'",
    `script-src 'self' 'wasm-unsafe-eval' blob: ${[...new Set(inline)].join(' ')}`.trim(),
    "worker-src 'self' blob:",
    "connect-src 'self' blob: data:",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    // Vue and the highlighter write `style` attributes.
    "style-src 'self' 'unsafe-inline'",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'none'",
  ].join('; ')
  return html.replace(
    /(<meta charset="utf-8">)/i,
    `$1\n    <meta http-equiv="Content-Security-Policy" content="${policy}">`,
  )
}

/** What the service worker keeps for when there is no network: all but the API's pages and what is downloaded, and apart what WebGPU alone needs. */
export function listForOffline(outDir: string): void {
  const files = readdirSync(outDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(outDir.length + 1).replaceAll('\\', '/'))
    .filter((name) => !/^api\/|\.zip$|^(sw\.js|offline\.json|404\.html)$/.test(name))
    .sort()
  const isForWebGpu = (name: string) => /\.asyncify\b/.test(name)
  const list = { files: ['./', ...files.filter((name) => !isForWebGpu(name))], webgpu: files.filter(isForWebGpu) }
  writeFileSync(`${outDir}/offline.json`, JSON.stringify(list))
}
