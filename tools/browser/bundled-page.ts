import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { raw } from '../build/raw'
import { script } from '../build/script'
import { type ChromiumOptions, launchChromium } from './chromium'
import { serve, type ServeOptions, type Server } from './server'

export interface BundledPage {
  /** What `/` serves: `index.html` and `page.js`, and what else is put there. */
  readonly folder: string
  readonly server: Server
  readonly browser: Browser
  close(): Promise<void>
}

/** Bundles `entry` from the packages' sources into a page, serves it with `mounts` beside it, and starts Chromium. */
export async function bundledPage(
  entry: URL,
  mounts: Record<string, string>,
  { webgpu, ...options }: ServeOptions & ChromiumOptions = {},
): Promise<BundledPage> {
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-page-'))
  await build({
    entryPoints: [fileURLToPath(entry)],
    outfile: join(folder, 'page.js'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['@dual-encoder/source'],
    plugins: [raw, script],
  })
  const page = '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>'
  await writeFile(join(folder, 'index.html'), page)
  const server = await serve({ '/': folder, ...mounts }, options)
  const browser = await launchChromium({ webgpu })
  const close = async () => {
    await browser.close()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
  return { folder, server, browser, close }
}
