import type * as FileSystem from 'node:fs/promises'
import { mkdtemp, readdir, readFile, readlink, rm, writeFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeHub } from '../../../../../tools/hub/fake-hub'
import { SourceError } from '../../base/errors'
import { openSource } from '../source'
import type { SourceOptions } from '../types'
import { cachedModels, clearCachedModels, removeCachedModel } from './cached'
import { isHubName } from './names'

const links = vi.hoisted(() => ({ allowed: true }))
vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof FileSystem>()
  const symlink: typeof fs.symlink = (...given) =>
    links.allowed ? fs.symlink(...given) : Promise.reject(Object.assign(new Error('EPERM'), { code: 'EPERM' }))
  return { ...fs, symlink }
})

const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes)
const large = Buffer.from(Uint8Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 251))

let hub: FakeHub
let home: string
let commit: string

beforeEach(async () => {
  hub = await FakeHub.start({ tokens: { let: { gated: true }, other: {} } })
  home = await mkdtemp(join(tmpdir(), 'dual-encoder-hub-'))
  commit = hub.repo('org/model').commit({ 'config.json': '{"a":1}', 'sub/x.json': '{}', 'model.safetensors': large })
  for (const name of [
    'HF_HUB_CACHE',
    'HUGGINGFACE_HUB_CACHE',
    'HF_TOKEN',
    'HF_TOKEN_PATH',
    'HF_HUB_OFFLINE',
    'XDG_CACHE_HOME',
  ])
    vi.stubEnv(name, undefined)
  vi.stubEnv('HF_HOME', home)
  vi.stubEnv('HF_ENDPOINT', hub.url)
})

afterEach(async () => {
  links.allowed = true
  vi.unstubAllEnvs()
  await hub.close()
  await rm(home, { recursive: true, force: true })
})

const open = (name = 'org/model', options: SourceOptions = {}) => openSource(name, options)
const repoFolder = () => join(home, 'hub', 'models--org--model')
const all = async (folder: string) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as SourceError,
  )

describe('names', () => {
  it.each(['gpt2', 'org/model', 'openai/clip-vit-base-patch32', 'a.b/c_d', 'org/v1.0'])('%s is one', (name) => {
    expect(isHubName(name)).toBe(true)
  })

  it.each([
    './org',
    '/org/model',
    '~/x',
    'a/b/c',
    'a--b',
    'a..b',
    '.',
    '..',
    '../x',
    'org/',
    'a\\b',
    'C:/x',
    '-a',
    'a.git',
    'a/b.',
    '',
  ])('%j is none', (name) => {
    expect(isHubName(name)).toBe(false)
  })

  it('a folder that exists is read in place of the hub', async () => {
    const before = process.cwd()
    try {
      process.chdir(home)
      await mkdir('org/model', { recursive: true })
      await writeFile('org/model/config.json', 'mine')
      await writeFile('file', '')
      expect(text(await (await open()).read('config.json'))).toBe('mine')
      await expect(open('./org/other')).rejects.toMatchObject({ code: 'source-not-found' })
      await expect(open('file')).rejects.toMatchObject({ code: 'source-not-found' })
    } finally {
      process.chdir(before)
    }
    expect(hub.requests).toEqual([])
  })
})

describe('a model on the hub', () => {
  it("is kept in the layout of Python's cache, and read from there", async () => {
    const source = await open()
    expect(text(await source.read('config.json'))).toBe('{"a":1}')
    expect(text(await source.read('sub/x.json'))).toBe('{}')
    expect(await source.read('absent.json')).toBeUndefined()
    expect(Buffer.from((await source.read('model.safetensors'))!).equals(large)).toBe(true)
    expect(await source.read('model.safetensors', [10, 20])).toEqual(new Uint8Array(large.subarray(10, 20)))
    const located = await source.locate('model.safetensors')
    const [blob] = [...hub.repo('org/model').commits.get(commit)!].filter(([name]) => name === 'model.safetensors')
    expect(located).toMatchObject({ name: blob![1].lfs, size: large.length, folder: join(repoFolder(), 'blobs') })
    expect(await all(repoFolder())).toEqual([
      `.no_exist/${commit}/absent.json`,
      ...[...hub.repo('org/model').commits.get(commit)!.values()].map(({ oid, lfs }) => `blobs/${lfs ?? oid}`).sort(),
      'refs/main',
      `snapshots/${commit}/config.json`,
      `snapshots/${commit}/model.safetensors`,
      `snapshots/${commit}/sub/x.json`,
    ])
    expect(await readFile(join(repoFolder(), 'refs/main'), 'utf8')).toBe(commit)
    expect(await readlink(join(repoFolder(), 'snapshots', commit, 'sub/x.json'))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//)

    hub.requests.length = 0
    const again = await open()
    expect(Buffer.from((await again.read('model.safetensors'))!).equals(large)).toBe(true)
    expect(await again.read('absent.json')).toBeUndefined()
    // What the branch is now is all that has to be asked.
    expect(hub.requests.map(({ method }) => method)).toEqual(['HEAD'])
    expect(hub.requests[0]?.headers.authorization).toBeUndefined()
  })

  it('asks nothing for a commit that it has, and keeps refs of other revisions', async () => {
    hub.repo('org/model').refs.set('refs/pr/1', commit)
    hub.repo('org/model').refs.set('feature/x', commit)
    for (const revision of ['refs/pr/1', 'feature/x', commit]) {
      expect(text(await (await open('org/model', { revision })).read('config.json'))).toBe('{"a":1}')
      if (revision !== commit) expect(await readFile(join(repoFolder(), 'refs', revision), 'utf8')).toBe(commit)
    }
    hub.requests.length = 0
    expect(text(await (await open('org/model', { revision: commit })).read('config.json'))).toBe('{"a":1}')
    expect(hub.requests).toEqual([])
  })

  it('stays one commit while its branch moves, and the next call takes the new one', async () => {
    const source = await open()
    await source.read('config.json')
    hub.repo('org/model').commit({ 'config.json': '{"a":2}', 'sub/x.json': '{"new":true}' })
    expect(text(await source.read('sub/x.json'))).toBe('{}')
    expect(text(await (await open()).read('config.json'))).toBe('{"a":2}')
  })

  it('offline is what the cache holds', async () => {
    const source = await open()
    await source.read('config.json')
    await hub.close()
    for (const options of [{ localFilesOnly: true }, {}, { retries: 0 }]) {
      const offline = await open('org/model', options)
      expect(text(await offline.read('config.json'))).toBe('{"a":1}')
    }
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    const offline = await open()
    expect(text(await offline.read('config.json'))).toBe('{"a":1}')
    expect(await offline.read('model.safetensors')).toBeUndefined()
    expect(offline.describe).toMatch(/org\/model .*HF_HUB_OFFLINE/)
    await expect((await open('org/other')).read('config.json')).rejects.toMatchObject({ code: 'not-cached' })
    const nowhere = await open('org/model', { revision: '0'.repeat(40) })
    await expect(nowhere.read('config.json')).rejects.toMatchObject({ code: 'not-cached' })
  })

  it('is read with the token of the option, the variable or the file, which the second host never sees', async () => {
    hub.repo('org/model').access = 'gated'
    await mkdir(home, { recursive: true })
    await writeFile(join(home, 'token'), 'let\n')
    expect(await (await open()).size!('model.safetensors')).toBe(large.length)
    await rm(join(home, 'hub'), { recursive: true })
    vi.stubEnv('HF_TOKEN', 'other')
    await expect((await open()).read('config.json')).rejects.toMatchObject({ code: 'gated-repo' })
    expect(text(await (await open('org/model', { token: 'let' })).read('config.json'))).toBe('{"a":1}')
    await expect((await open('org/model', { token: false, revision: 'x' })).read('a')).rejects.toMatchObject({
      code: 'gated-repo',
    })
    const second = hub.requests.filter(({ host }) => host === 'cdn')
    expect(second).toHaveLength(1)
    expect(JSON.stringify(second)).not.toMatch(/authorization|Bearer/i)
  })

  it.each(['allowed', 'wanted'])('is kept where links are not %s', async (why) => {
    if (why === 'allowed') links.allowed = false
    else vi.stubEnv('HF_HUB_DISABLE_SYMLINKS', '1')
    hub.repo('org/model').commit({ 'copy.json': '{"a":1}' }, 'main')
    const source = await open()
    for (const name of ['config.json', 'copy.json', 'model.safetensors']) await source.read(name)
    const snapshot = join(repoFolder(), 'snapshots', hub.repo('org/model').refs.get('main')!)
    const kept = await readdir(snapshot, { withFileTypes: true })
    expect(kept.map((entry) => [entry.name, entry.isFile()]).sort()).toEqual([
      ['config.json', true],
      ['copy.json', true],
      ['model.safetensors', true],
    ])
    const offline = await open('org/model', { localFilesOnly: true })
    for (const name of ['config.json', 'copy.json']) expect(text(await offline.read(name))).toBe('{"a":1}')
    expect(Buffer.from((await offline.read('model.safetensors'))!).equals(large)).toBe(true)
  })

  it.each<[string, Record<string, string>, string]>([
    ['HF_HUB_CACHE', { HF_HUB_CACHE: 'a', HF_HOME: 'b', XDG_CACHE_HOME: 'c' }, 'a'],
    ['HF_HOME', { HF_HOME: 'b', XDG_CACHE_HOME: 'c' }, 'b/hub'],
    ['XDG_CACHE_HOME', { HF_HOME: '', XDG_CACHE_HOME: 'c' }, 'c/huggingface/hub'],
    ['HOME', { HF_HOME: '', XDG_CACHE_HOME: '', HOME: 'd' }, 'd/.cache/huggingface/hub'],
  ])('lies where %s says', async (_, given, folder) => {
    for (const [name, value] of Object.entries(given)) vi.stubEnv(name, value && join(home, value))
    await (await open()).read('config.json')
    expect(await readdir(join(home, folder))).toContain('models--org--model')
    expect((await all(home)).every((path) => path.startsWith(folder))).toBe(true)
    expect((await cachedModels()).map(({ name }) => name)).toEqual(['org/model'])
    await (await open('org/model', { cacheDir: join(home, 'given') })).read('config.json')
    expect(await readdir(join(home, 'given'))).toContain('models--org--model')
  })

  it('is read in parts by who asks for parts', async () => {
    const parts = (await open()).inParts!()
    expect(await parts.locate('model.safetensors')).toBeUndefined()
    expect(await parts.read('model.safetensors', [100, 200])).toEqual(new Uint8Array(large.subarray(100, 200)))
    expect(await parts.size!('model.safetensors')).toBe(large.length)
    expect(await parts.read('model.safetensors', [60_000, 60_001])).toEqual(new Uint8Array())
    expect(await parts.read('absent', [0, 8])).toBeUndefined()
    expect(hub.requests.filter(({ host }) => host === 'cdn').reduce((sum, { sent }) => sum + sent, 0)).toBe(100)
  })
})

describe('the cache', () => {
  it('lists what is in it, and throws a model away', async () => {
    expect(await cachedModels()).toEqual([])
    const source = await open()
    for (const name of ['config.json', 'model.safetensors']) await source.read(name)
    const folder = join(repoFolder(), 'snapshots', commit)
    expect(await cachedModels()).toEqual([
      { name: 'org/model', size: large.length + 7, revisions: [{ commit, refs: ['main'], folder }] },
    ])
    expect(text(await (await openSource(folder)).read('config.json'))).toBe('{"a":1}')
    await expect(removeCachedModel('../hub')).rejects.toMatchObject({ code: 'bad-name' })
    expect(await removeCachedModel('org/other')).toBe(false)
    expect(await removeCachedModel('org/model')).toBe(true)
    expect(await cachedModels()).toEqual([])
    expect(await all(home)).toEqual([])
    await (await open()).read('config.json')
    await (await open('org/model', { revision: commit })).read('sub/x.json')
    expect(await clearCachedModels()).toEqual(['org/model'])
    expect(await all(home)).toEqual([])
  })
})

describe('errors say what to do', () => {
  it.each<[string, SourceOptions & { name?: string }, RegExp]>([
    ['repo-not-found', { name: 'org/none' }, /begins with \.\/ or \//],
    ['revision-not-found', { revision: 'none' }, /none/],
    ['bad-revision', { revision: '../x' }, /branch/],
    ['bad-revision', { revision: 'a\0' }, /branch/],
    ['bad-token', { token: 'unknown' }, /token: false/],
    ['bad-token', { token: 'a\nb' }, /Copy/],
    ['bad-endpoint', { endpoint: 'ftp://x' }, /huggingface\.co/],
  ])('%s', async (code, { name, ...options }, message) => {
    const error = await failure(open(name, options).then((source) => source.read('config.json')))
    expect(error).toBeInstanceOf(SourceError)
    expect(error).toMatchObject({ code })
    expect(error?.message).toMatch(message)
    expect(await readdir(home)).toEqual([])
  })

  it('not-a-hub: a network that asks for a login first', async () => {
    hub.fault = () => ({ kind: 'html' })
    await expect((await open()).read('config.json')).rejects.toMatchObject({ code: 'not-a-hub' })
  })

  it.each([
    ['etag', '"../../../stolen"', 'config.json'],
    ['x-linked-etag', '"a/../../stolen"', 'model.safetensors'],
    ['x-repo-commit', '../../stolen', 'config.json'],
  ])('a hub whose %s leads out of the cache writes nothing there', async (header, value, name) => {
    const lying: typeof fetch = async (url, init) => {
      const answer = await fetch(url, init)
      const headers = new Headers(answer.headers)
      if (headers.has(header)) headers.set(header, value)
      return new Response(answer.body, { status: answer.status, headers })
    }
    const source = await open('org/model', { fetch: lying })
    await expect(source.read(name)).rejects.toMatchObject({ name: 'SourceError', code: 'not-a-hub' })
    expect(await all(home)).toEqual([])
  })

  it('a cache that cannot be written to', async () => {
    await writeFile(join(home, 'hub'), 'a file where the folder should be')
    await expect((await open()).read('config.json')).rejects.toMatchObject({ code: 'cache-not-writable' })
  })
})

describe('bytes that are not the file', () => {
  it.each(['shorter', 'longer', 'swapped', 'html', 'compressed'] as const)(
    '%s: nothing appears, and the next call works',
    async (kind) => {
      const source = await open('org/model', { retries: 1 })
      await source.read('config.json')
      hub.fault = ({ host }) => (host === 'cdn' ? { kind } : undefined)
      const error = await failure(source.read('model.safetensors'))
      if (kind !== 'compressed') {
        expect(error).toMatchObject({ name: 'SourceError', code: 'bad-download' })
        expect((await all(repoFolder())).join()).not.toMatch(/model\.safetensors|incomplete/)
      }
      hub.fault = undefined
      expect(Buffer.from((await source.read('model.safetensors'))!).equals(large)).toBe(true)
    },
  )

  it('small files are held to their hash too', async () => {
    const source = await open()
    hub.fault = ({ method }) => (method === 'GET' ? { kind: 'swapped' } : undefined)
    await expect(source.read('config.json')).rejects.toMatchObject({ code: 'bad-download' })
  })

  it('a try that was left is taken up where it ended', async () => {
    const leaving = new AbortController()
    const source = await open('org/model', { signal: leaving.signal })
    hub.fault = ({ host }) => (host === 'cdn' ? { kind: 'stall', at: 20_000 } : undefined)
    setTimeout(() => leaving.abort(new Error('enough')), 300)
    await expect(source.read('model.safetensors')).rejects.toThrow('enough')
    hub.fault = undefined
    hub.requests.length = 0
    expect(Buffer.from((await (await open()).read('model.safetensors'))!).equals(large)).toBe(true)
    expect(hub.requests.at(-1)?.headers.range).toBe('bytes=20000-')
    expect((await all(home)).join()).not.toMatch(/incomplete|lock|part/)
  })

  it('what an earlier try left of another file is thrown away', async () => {
    const leaving = new AbortController()
    hub.fault = ({ host }) => (host === 'cdn' ? { kind: 'stall', at: 20_000 } : undefined)
    setTimeout(() => leaving.abort(new Error('enough')), 300)
    await failure(open('org/model', { signal: leaving.signal }).then((source) => source.read('model.safetensors')))
    const blobs = join(repoFolder(), 'blobs')
    const [partial] = (await readdir(blobs)).filter((name) => name.endsWith('.incomplete'))
    await writeFile(join(blobs, partial!), Buffer.alloc(30_000, 1))
    hub.fault = undefined
    expect(Buffer.from((await (await open()).read('model.safetensors'))!).equals(large)).toBe(true)
  })
})
