import { afterAll, beforeAll, expect, it } from 'vitest'
import { type BundledPage, bundledPage } from '../../../tools/browser/bundled-page'

let bundled: BundledPage
beforeAll(async () => {
  bundled = await bundledPage(new URL('opfs-page.ts', import.meta.url), {})
}, 60_000)
afterAll(() => bundled?.close())

it('an index stays in the browser, one page at a time', async () => {
  const context = await bundled.browser.newContext()
  const visit = async <T>(call: string, ...given: unknown[]): Promise<T> => {
    const page = await context.newPage()
    await page.goto(bundled.server.url)
    const value = await page.evaluate(
      ([name, args]) => (globalThis as unknown as Record<string, (...args: unknown[]) => T>)[name]!(...args),
      [call, given] as const,
    )
    await page.close()
    return value
  }
  const colours = [
    [250, 10, 10],
    [10, 250, 10],
    [10, 10, 250],
  ]
  expect(await visit('add', 'colours', colours)).toEqual([3, 0])
  expect(await visit('add', 'colours', [...colours, [250, 250, 10]])).toEqual([1, 3])
  expect(await visit<string[]>('search', 'colours', [240, 0, 0])).toHaveLength(4)
  expect((await visit<string[]>('search', 'colours', [240, 0, 0]))[0]).toBe('250,10,10')
  expect(await visit('search', 'colours', [240, 0, 0], "red < 100 AND id LIKE '%,250'")).toEqual(['10,10,250'])
  expect(await visit('openTwice', 'colours')).toBe('index-open')
  expect(await visit('missing')).toBe('no-index')
})
