import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DualEncoderError } from '@dual-encoder/core'
import { openSource } from '../../packages/core/src/files/source'
import { expect, it } from 'vitest'
import { FakeHub } from '../../tools/hub/fake-hub'
import { faultOf, FILES, random } from './faults'
import { record } from './record'

const DOWNLOADS = 1000
const LANES = 20
const TOKEN = 'hf_secret'

const HASHES = new Map(Object.entries(FILES).map(([name, bytes]) => [name, hashOf(bytes)]))

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Files under their final names that are not the hub's. Everything that is visible is looked at. */
function wrongFiles(cache: string): string[] {
  const repo = join(cache, 'models--org--model')
  const list = (folder: string): string[] => {
    try {
      return readdirSync(join(repo, folder), { recursive: true, encoding: 'utf8' })
    } catch {
      return []
    }
  }
  const bytes = (path: string): Buffer | undefined => {
    try {
      return readFileSync(join(repo, path))
    } catch {
      return undefined
    }
  }
  const wrong: string[] = []
  for (const name of list('snapshots')) {
    const short = name.split('/').slice(1).join('/')
    const content = short && !short.endsWith('.part') ? bytes(join('snapshots', name)) : undefined
    if (content && hashOf(content) !== HASHES.get(short)) wrong.push(name)
  }
  for (const name of list('blobs')) {
    const content = name.endsWith('.incomplete') ? undefined : bytes(join('blobs', name))
    if (content && ![...HASHES.values()].includes(hashOf(content))) wrong.push(name)
  }
  return wrong
}

it(`${DOWNLOADS} downloads that fail at random: nothing half is visible, every failure is typed, the next call works`, async () => {
  const counts: Record<string, number> = {}
  const seen = { wrongFiles: [] as string[], untyped: [] as string[], tokensElsewhere: 0, failedAgain: [] as string[] }
  let failures = 0
  let looks = 0
  let done = 0
  const lane = async () => {
    const hub = await FakeHub.start({ tokens: { [TOKEN]: {} } })
    hub.repo('org/model').commit(FILES)
    hub.repo('org/model').access = 'private'
    while (done < DOWNLOADS) {
      const next = random(done++)
      const cacheDir = await mkdtemp(join(tmpdir(), 'dual-encoder-faults-'))
      const { fault, from, times } = faultOf(next)
      const leaves = next() < 0.2 ? Math.floor(next() * 203_000) : Infinity
      const leaving = new AbortController()
      const reason = new Error('the caller left')
      const look = () => {
        looks += 1
        seen.wrongFiles.push(...wrongFiles(cacheDir))
      }
      let loaded = 0
      const options = {
        endpoint: hub.url,
        cacheDir,
        token: TOKEN,
        timeout: 150,
        retries: Math.floor(next() * 3),
      }
      const onProgress = () => {
        look()
        loaded += 16_384
        if (loaded > leaves) leaving.abort(reason)
      }
      hub.requests.length = 0
      let count = 0
      hub.fault = () => (count++ >= from && count <= from + times ? fault : undefined)
      const load = async (more = {}) => {
        const source = await openSource('org/model', { ...options, ...more })
        for (const [name, content] of Object.entries(FILES)) {
          const bytes = await source.read(name)
          if (!bytes || !content.equals(bytes)) throw new Error(`${name} is ${bytes ? 'another file' : 'absent'}`)
        }
      }
      const error = await load({ signal: leaving.signal, onProgress }).then(
        () => undefined,
        (error: unknown) => error as Error,
      )
      look()
      if (error) {
        failures += 1
        const code = error === reason ? 'aborted' : error instanceof DualEncoderError ? error.code : undefined
        counts[code ?? 'untyped'] = (counts[code ?? 'untyped'] ?? 0) + 1
        if (!code) seen.untyped.push(`${JSON.stringify(fault)}: ${String(error)}`)
      }
      hub.fault = undefined
      await load({ timeout: 30_000, retries: 5 }).catch((error: unknown) =>
        seen.failedAgain.push(`${JSON.stringify(fault)}: ${String(error)}`),
      )
      look()
      const left = (await readdir(cacheDir, { recursive: true })).filter((name) =>
        /\.(incomplete|lock|part)$/.test(name),
      )
      seen.failedAgain.push(...left)
      seen.tokensElsewhere += hub.requests.filter(
        ({ host, headers }) => host === 'cdn' && JSON.stringify(headers).includes(TOKEN),
      ).length
      await rm(cacheDir, { recursive: true })
    }
    await hub.close()
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  await record('hub-faults-node', {
    what: 'Downloads of three files from the fake hub (tools/hub) with faults at random requests and bytes.',
    downloads: done,
    failed: failures,
    timesThatEveryVisibleFileWasLookedAt: looks,
    partialFilesSeen: seen.wrongFiles.length,
    untypedFailures: seen.untyped.length,
    nextCallsThatFailed: seen.failedAgain.length,
    tokensSentToTheSecondHost: seen.tokensElsewhere,
    failuresByCode: Object.fromEntries(Object.entries(counts).sort()),
  })
  for (const list of [seen.wrongFiles, seen.untyped, seen.failedAgain]) list.splice(10)
  expect(seen).toEqual({ wrongFiles: [], untyped: [], tokensElsewhere: 0, failedAgain: [] })
  expect(done).toBeGreaterThanOrEqual(DOWNLOADS)
  expect(failures).toBeGreaterThan(DOWNLOADS / 4)
})
