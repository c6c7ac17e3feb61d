import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import axe from 'axe-core'
import type { Page } from 'playwright-core'

const ROOT = resolve(import.meta.dirname, '../..')

export interface BuiltSite extends AsyncDisposable {
  readonly folder: string
}

/**
 * The site as `npm run docs` builds it, in a folder of its own; or the one that was built before in `SITE_FOLDER`.
 * @param pages these alone, without the API's; default: all
 */
export async function buildSite(pages?: readonly string[]): Promise<BuiltSite> {
  const before = process.env['SITE_FOLDER']
  if (before) return { folder: before, [Symbol.asyncDispose]: () => Promise.resolve() }
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-site-'))
  const node = (...args: string[]) =>
    promisify(execFile)(process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: 'production', DOCS_OUT: folder, ...(pages && { DOCS_PAGES: pages.join(',') }) },
    })
  await node('node_modules/vitepress/bin/vitepress.js', 'build', 'docs')
  if (!pages) await node('node_modules/typedoc/bin/typedoc', '--out', join(folder, 'api'))
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

interface Violation {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

/**
 * What axe finds in a page as it is, and how much too wide it is: in words.
 * @param besides selectors of what axe need not look at
 */
export async function faultsOf(page: Page, besides: readonly string[] = []): Promise<string[]> {
  // The API's pages have their own scheme, and no policy that would keep a script out.
  await page.evaluate(axe.source)
  const violations = await page.evaluate(async (exclude) => {
    const { axe } = globalThis as unknown as {
      axe: { run(context: object, options: object): Promise<{ violations: Violation[] }> }
    }
    return (await axe.run({ exclude }, { resultTypes: ['violations'] })).violations.map(
      ({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0]!.html} ${nodes[0]!.failureSummary}`,
    )
  }, besides)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  return wide > 0 ? [...violations, `${wide} pixels too wide`] : violations
}
