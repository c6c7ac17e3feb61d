import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pushToHub } from '@dual-encoder/core'
import { commit } from '@huggingface/hub'
import { expect, it, vi } from 'vitest'
import { openTarget, type TargetLike } from '../../../packages/core/src/files/target'
import { FakeHub } from '../../../tools/hub/fake-hub'

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7919) % 251)
const FILES = { 'config.json': bytes(300), 'model.safetensors': bytes(70_000), 'tf_model.h5': bytes(1_000) }

const savable = {
  async savePretrained(target: TargetLike) {
    const writer = await openTarget(target)
    for (const [name, content] of Object.entries(FILES)) await writer.write(name, [content])
  },
}

/** What a push asks of the hub, and the files that it leaves there. */
async function pushed(partSize: number | undefined, push: (hub: FakeHub) => Promise<unknown>) {
  await using hub = await FakeHub.start({ tokens: { hf_write: {} }, partSize })
  hub.repo('org/model').commit({ 'README.md': 'before' })
  await push(hub)
  const asked = hub.requests
    .filter(({ path }) => !/\/api\/repos\/create|\/verify$/.test(path))
    .map(({ host, method, path, status }) => `${host} ${method} ${path.replace(/[0-9a-f-]{36}/, 'ID')} ${status}`)
  const repo = hub.repo('org/model')
  const files = [...repo.commits.get(repo.refs.get('main')!)!].map(([name, { oid, lfs }]) => [name, oid, lfs])
  return { asked: asked.sort(), files: files.sort() }
}

it.each([undefined, 16_384])("asks the hub for what @huggingface/hub's commit asks, in parts of %s", async (size) => {
  const home = await mkdtemp(join(tmpdir(), 'dual-encoder-push-'))
  vi.stubEnv('HF_HOME', home)
  const ours = await pushed(size, ({ url }) => pushToHub('org/model', savable, { endpoint: url, token: 'hf_write' }))
  const theirs = await pushed(size, ({ url }) =>
    commit({
      repo: 'org/model',
      accessToken: 'hf_write',
      hubUrl: url,
      title: 'Upload model',
      operations: Object.entries(FILES).map(([path, content]) => ({
        operation: 'addOrUpdate' as const,
        path,
        content: new Blob([content]),
      })),
    }),
  )
  vi.unstubAllEnvs()
  await rm(home, { recursive: true })
  expect(theirs.asked.filter((line) => line.startsWith('cdn PUT'))).toHaveLength(size ? 6 : 2)
  expect(ours).toEqual(theirs)
})
