import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { SourceError } from '../base/errors'
import { platform } from '#platform'
import { platform as browser } from '../platform/browser'
import { openSource, readJson } from './source'
import type { SourceLike, SourceOptions } from './types'

const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes)
const bytes = (value: string) => new TextEncoder().encode(value)

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
  await mkdir(join(path, 'sub'))
  await writeFile(join(path, 'a b.txt'), '0123456789')
  await writeFile(join(path, 'sub/config.json'), '{"sub":true}')
  await writeFile(join(path, 'config.json'), '{"sub":false}')
  return path
}

/** A file as it comes from a picked folder. */
const picked = (path: string, content: string): File =>
  Object.defineProperty(new File([content], path.split('/').at(-1) as string), 'webkitRelativePath', { value: path })

const kinds: [kind: string, open: () => Promise<SourceLike>][] = [
  ['a folder', folder],
  ['a folder with a slash', async () => `${await folder()}/`],
  ['a file: URL', async () => pathToFileURL(await folder())],
  ['a file: URL as text', async () => pathToFileURL(await folder()).href],
  [
    'picked files',
    async () => [
      picked('model/sub/config.json', '{"sub":true}'),
      picked('model/config.json', '{"sub":false}'),
      picked('model/a b.txt', '0123456789'),
    ],
  ],
  [
    'a reader',
    async () => {
      const files = new Map([
        ['a b.txt', '0123456789'],
        ['config.json', '{"sub":false}'],
        ['sub/config.json', '{"sub":true}'],
      ])
      return {
        read: async (name, range) => {
          const content = files.get(name)
          return content === undefined ? undefined : bytes(content).subarray(...(range ?? []))
        },
      }
    },
  ],
]

describe.each(kinds)('%s', (_kind, make) => {
  it('answers files, ranges, and undefined', async () => {
    const source = await openSource(await make())
    expect(text(await source.read('a b.txt'))).toBe('0123456789')
    expect(text(await source.read('a b.txt', [2, 5]))).toBe('234')
    expect(text(await source.read('a b.txt', [8, 50]))).toBe('89')
    expect(text(await source.read('a b.txt', [50, 60]))).toBe('')
    expect(await source.read('absent.txt')).toBeUndefined()
    expect(await source.read('absent.txt', [0, 1])).toBeUndefined()
    expect(await readJson(source, 'config.json')).toEqual({ sub: false })
    expect(await readJson(source, 'sub/config.json')).toEqual({ sub: true })
  })

  it.each([
    '../a',
    'a/../../b',
    '/etc/passwd',
    'C:\\a',
    'c:a',
    '..\\a',
    'a\\..\\..\\b',
    '\\a',
    '%2e%2e/a',
    '..%2fa',
    '%2Fa',
    '',
    'a\0',
  ])('refuses the name %j', async (name) => {
    const source = await openSource(await make())
    await expect(source.read(name)).rejects.toMatchObject({ name: 'SourceError', code: 'name-escapes' })
  })
})

describe('openSource', () => {
  it.each([
    ['source-not-found', './no/such/folder'],
    ['source-not-found', '/no-such-folder'],
    ['bad-source', 'data:text/plain,x'],
    ['bad-source', new URL('ftp://localhost/model')],
    ['bad-source', undefined],
    ['bad-source', { write: () => undefined }],
  ])('%s for %s', async (code, source) => {
    const error: unknown = await openSource(source as SourceLike).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(SourceError)
    expect(error).toMatchObject({ code })
  })

  it('is an error for a file where a folder is needed', async () => {
    await expect(openSource(join(await folder(), 'config.json'))).rejects.toMatchObject({ code: 'source-not-found' })
  })

  it('finds the true place of the links that the Hugging Face cache is made of', async () => {
    const path = await folder()
    await symlink(join(path, 'sub/config.json'), join(path, 'link.json'))
    const found = await (await openSource(path)).locate('link.json')
    expect(found).toMatchObject({ name: 'config.json', size: 12 })
    expect(found?.folder.endsWith('sub')).toBe(true)
  })

  it('is a typed error for a folder where a file is needed', async () => {
    const source = await openSource(await folder())
    await expect(source.read('sub')).rejects.toMatchObject({ name: 'SourceError', code: 'not-readable' })
  })

  it('is a typed error for a reader that answers with something else', async () => {
    const source = await openSource({ read: async () => 'text' as unknown as Uint8Array })
    await expect(source.read('a')).rejects.toMatchObject({ code: 'bad-reader' })
  })

  it('takes its part of what a reader that heeds no range answers', async () => {
    const source = await openSource({ read: async () => bytes('0123456789') })
    expect(text(await source.read('a', [0, 1]))).toBe('0')
    expect(text(await source.read('a', [2, 5]))).toBe('234')
    expect(text(await source.read('a', [0, 20]))).toBe('0123456789')
  })

  it('reads below a subfolder of any source', async () => {
    const names: string[] = []
    const reader = { read: async (name: string) => (names.push(name), bytes(name)) }
    const source = await openSource(reader, { subfolder: 'onnx/small/' })
    expect(text(await source.read('config.json'))).toBe('onnx/small/config.json')
    await expect(source.read('../config.json')).rejects.toMatchObject({ code: 'name-escapes' })
    await expect(openSource(reader, { subfolder: '../other' })).rejects.toMatchObject({ code: 'name-escapes' })
    expect(text(await (await openSource(await folder(), { subfolder: 'sub' })).read('config.json'))).toBe(
      text(await (await openSource(await folder())).read('sub/config.json')),
    )
  })

  it('opens nothing for a caller who has left', async () => {
    const gone = AbortSignal.abort(new Error('enough'))
    await expect(openSource({ read: async () => undefined }, { signal: gone })).rejects.toThrow('enough')
  })
})

describe('readJson', () => {
  const read = (content: string | Uint8Array) =>
    openSource({ read: async () => (typeof content === 'string' ? bytes(content) : content) }).then((source) =>
      readJson(source, 'config.json'),
    )

  it('takes a byte order mark', async () => {
    expect(await read('\ufeff{"a":1}')).toEqual({ a: 1 })
  })

  it.each([
    ['broken', '{"a":'],
    ['empty', ''],
    ['a list', '[1]'],
    ['null', 'null'],
    ['text', '"a"'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
  ])('names a file that is %s', async (_what, content) => {
    const error: unknown = await read(content).catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'SourceError', code: 'bad-json' })
    expect((error as Error).message).toContain('config.json of the given reader')
  })

  it.each([
    ['html-page', '<!DOCTYPE html><html><body>Sign in</body></html>'],
    ['lfs-pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0'],
  ])('says what stands in its place: %s', async (code, content) => {
    await expect(read(content)).rejects.toMatchObject({ name: 'SourceError', code })
  })
})

describe('in browsers', () => {
  it('writing to a folder is an error that says what to give', async () => {
    await expect(browser.stageFile('model/config.json', [])).rejects.toMatchObject({ code: 'no-file-system' })
    await expect(browser.removeFile('model/config.json')).rejects.toMatchObject({ code: 'no-file-system' })
    expect(await browser.readFile('config.json')).toBeUndefined()
  })

  it('what a config names elsewhere is fetched from the hub that the page named, or not at all', async () => {
    const name = platform.name
    const asked: string[] = []
    const fetch = (url: unknown) => (asked.push(new URL(String(url)).host), Promise.resolve(new Response(null)))
    const read = async (source: SourceLike, options: SourceOptions) =>
      (await (await openSource(source, { fetch, ...options })).other!('org/text')).read('config.json')
    const page = new URL('https://page.invalid/model/')
    const reader = { read: () => Promise.resolve(undefined) }
    Object.assign(platform, { name: 'browser' })
    try {
      for (const source of [page, page.href, reader])
        await expect(read(source, {})).rejects.toMatchObject({ name: 'SourceError', code: 'no-endpoint' })
      expect(asked).toEqual([])
      for (const source of [page, reader, 'org/model'])
        await read(source, { endpoint: 'https://hub.invalid', token: false }).catch(() => undefined)
    } finally {
      Object.assign(platform, { name })
    }
    expect(new Set(asked)).toEqual(new Set(['hub.invalid']))
  })
})
