import { expect, it } from 'vitest'
import { type Files, SavedStore } from '../src/stores/saved'
import type { Row } from '../src/stores/store'

/** A folder in memory, whose writes can be cut off. */
function folder(): Files & { readonly all: Map<string, Uint8Array<ArrayBuffer>>; failing: boolean } {
  const all = new Map<string, Uint8Array<ArrayBuffer>>()
  return {
    all,
    failing: false,
    names: () => Promise.resolve([...all.keys()].reverse()),
    read: (name) => Promise.resolve(all.get(name)!),
    write(name, bytes) {
      all.set(name, this.failing ? new Uint8Array(0) : bytes)
      return this.failing ? Promise.reject(new Error('no room')) : Promise.resolve()
    },
    remove: (name) => Promise.resolve(void all.delete(name)),
    close: () => undefined,
  }
}

const row = (id: string, x: number, text = `ü${id}`): Row => ({
  ...{ id, text, kind: 'text', size: null, mtime: null, hash: null, metadata: { x } },
  vector: Float32Array.of(Math.cos(x), Math.sin(x)),
})
const nearest = async (store: SavedStore, x = 0) =>
  (await store.nearest(row('', x).vector, { k: 20, exact: true })).map(({ id, text, metadata }) => [
    id,
    text,
    metadata.x,
  ])

it('is the same when it is opened again', async () => {
  const files = folder()
  const store = await SavedStore.open(files)
  await store.put([row('a', 0), row('b', 1), row('c', 2)])
  await store.remove(['b', 'nothing'])
  await Promise.all([store.put([row('c', 0.5)]), store.put([row('d', 3)])])
  await store.touch([{ id: 'd', size: 7, mtime: 8, hash: null }])
  await store.record({ version: 1, size: 2, fingerprint: { image: [1, 0], text: [0, 1] } })
  const again = await SavedStore.open(files)
  expect(await nearest(again)).toEqual([
    ['a', 'üa', 0],
    ['c', 'üc', 0.5],
    ['d', 'üd', 3],
  ])
  expect(await nearest(again)).toEqual(await nearest(store))
  expect((await again.states()).find(({ id }) => id === 'd')).toMatchObject({ size: 7, mtime: 8 })
  expect(await again.recorded()).toEqual(await store.recorded())
})

it('puts many changes together, and is whole wherever that was cut off', async () => {
  const files = folder()
  const store = await SavedStore.open(files)
  for (let i = 0; i < 40; i++) await store.put([row(String(i % 10), i / 20)])
  const before = new Map(files.all)
  await store.optimize()
  expect(files.all.size).toBe(1)
  const wanted = await nearest(store)
  expect(wanted).toHaveLength(10)
  // Some of what was before is still there.
  for (const count of [0, 1, 20, 40]) {
    const left = [...before].slice(40 - count)
    const cut = folder()
    for (const [name, bytes] of [...left, ...files.all]) cut.all.set(name, bytes)
    const again = await SavedStore.open(cut)
    expect(await nearest(again)).toEqual(wanted)
    await again.put([row('new', 3)])
    expect((await nearest(await SavedStore.open(cut))).at(-1)![0]).toBe('new')
  }
})

it('loses nothing but what was not answered', async () => {
  const files = folder()
  const store = await SavedStore.open(files)
  await store.put([row('a', 0)])
  files.failing = true
  await expect(store.put([row('b', 1)])).rejects.toThrow('no room')
  expect(await store.count()).toBe(1)
  files.failing = false
  await store.put([row('c', 2)])
  expect((await nearest(await SavedStore.open(files))).map(([id]) => id)).toEqual(['a', 'c'])
  files.all.set('0000000009.change', Uint8Array.of(1, 2, 3, 4, 5, 6))
  await expect(SavedStore.open(files)).rejects.toMatchObject({ code: 'bad-index' })
})
