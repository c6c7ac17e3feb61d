import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Item, SearchIndex } from '../src/index'
import { bmp, toyModel, toyProcessor } from './toy'

let folder: string
let pictures: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-search-'))
  pictures = join(folder, 'pictures')
  await mkdir(join(pictures, 'sub'), { recursive: true })
  await writeFile(join(pictures, 'red.bmp'), bmp(250, 10, 10))
  await writeFile(join(pictures, 'sub/green.bmp'), bmp(10, 250, 10))
  await writeFile(join(pictures, 'blue.bmp'), bmp(10, 10, 250))
  await writeFile(join(pictures, 'drawing.svg'), '<svg/>')
})
afterEach(() => rm(folder, { recursive: true }))

const open = (options: object = {}, place = join(folder, 'index')) =>
  SearchIndex.open(place, { model: toyModel(), processor: toyProcessor, ...options })
const counts = ({ added, changed, copied, unchanged, removed }: Record<string, unknown>) => [
  added,
  changed,
  copied,
  unchanged,
  removed,
]
const short = (ids: readonly { id: string }[]) => ids.map(({ id }) => id.replace(`${pictures}/`, ''))

describe('a folder', () => {
  it('is added once, then only what has changed', async () => {
    const model = toyModel()
    await using index = await open({ model })
    const before = model.pictures()
    const first = await index.add(pictures)
    expect(counts(first as never)).toEqual([3, 0, 0, 0, 0])
    expect(first.skipped).toEqual([join(pictures, 'drawing.svg')])
    expect(counts((await index.add(pictures)) as never)).toEqual([0, 0, 0, 3, 0])

    await writeFile(join(pictures, 'red.bmp'), bmp(250, 250, 10)) // another picture of the same size
    await utimes(join(pictures, 'blue.bmp'), 1, 1) // touched only
    await rename(join(pictures, 'sub/green.bmp'), join(pictures, 'moved.bmp'))
    await writeFile(join(pictures, 'bad.png'), 'no picture')
    const second = await index.add(pictures)
    expect(counts(second as never)).toEqual([0, 1, 1, 1, 1])
    expect(second.failed.map(({ id }) => id)).toEqual([join(pictures, 'bad.png')])
    expect(model.pictures() - before).toBe(4)
    expect(await index.count()).toBe(3)
    expect(counts((await index.add(pictures)) as never)).toEqual([0, 0, 0, 3, 0])
  })

  it('is searched by picture, by mix with negatives, and by filter', async () => {
    await using index = await open()
    await index.add(pictures)
    const red = { image: bmp(255, 0, 0) }
    expect(short(await index.search(red, { k: 1 }))).toEqual(['red.bmp'])
    const mix = [red, { image: bmp(0, 0, 255), weight: 0.8 }, { image: bmp(0, 255, 0), weight: -1 }]
    expect(short(await index.search(mix))).toEqual(['red.bmp', 'blue.bmp', 'sub/green.bmp'])
    expect(short(await index.search(red, { where: "id LIKE '%/sub/%'" }))).toEqual(['sub/green.bmp'])
    expect(short(await index.similar(join(pictures, 'red.bmp'), { k: 5 }))).toHaveLength(2)
    const [hit] = await index.search(red, { k: 1 })
    expect(hit!.score).toBeCloseTo(1, 2)
  })

  it('is stopped and gone on with', async () => {
    for (let i = 0; i < 150; i++) await writeFile(join(pictures, `${i}.bmp`), bmp(i, 255 - i, 128))
    await using index = await open()
    const stop = new AbortController()
    const onProgress = ({ done }: { done: number }) => done > 90 && stop.abort()
    await expect(index.add(pictures, { signal: stop.signal, onProgress })).rejects.toThrow(/abort/)
    const kept = await index.count()
    expect(kept).toBeGreaterThan(63)
    expect(counts((await index.add(pictures)) as never)).toEqual([153 - kept, 0, 0, kept, 0])
  })
})

describe('items', () => {
  it('have metadata to filter by, versions, and texts among them', async () => {
    await using index = await open()
    const items: Item[] = [
      { id: 'a', image: bmp(250, 0, 0), metadata: { year: 2020, kind_of: 'old' }, version: '1' },
      { id: 'b', image: bmp(240, 0, 0), metadata: { year: 2024 }, version: '1' },
      { id: 'c', text: "it's a text", metadata: { year: 2024, liked: true } },
    ]
    expect(counts((await index.add(items)) as never)).toEqual([3, 0, 0, 0, 0])
    expect(counts((await index.add(items)) as never)).toEqual([0, 1, 0, 2, 0])
    const found = await index.search("it's a text", { where: 'year > 2020' })
    expect(found[0]).toMatchObject({
      id: 'c',
      kind: 'text',
      text: "it's a text",
      metadata: { year: 2024, liked: true },
    })
    expect(found.map(({ id }) => id)).toEqual(['c', 'b'])
    await index.remove(["c'", 'c'])
    expect(await index.count("kind = 'text'")).toBe(0)
    expect(await index.duplicates({ threshold: 0.999 })).toEqual([['a', 'b']])
    await expect(index.search('x', { where: 'colour = 1' })).rejects.toThrow(
      expect.objectContaining({ code: 'bad-filter', message: expect.stringContaining('colour') as string }),
    )
  })

  it('are kept in memory too', async () => {
    await using index = await open({}, 'memory:')
    await index.add(pictures)
    await index.add([{ id: 'white', image: bmp(255, 255, 255) }])
    expect(short(await index.search({ image: bmp(0, 255, 0) }, { k: 1 }))).toEqual(['sub/green.bmp'])
    await rm(join(pictures, 'red.bmp'))
    expect(counts((await index.add(pictures)) as never)).toEqual([0, 0, 0, 2, 1])
    expect(short(await index.search({ image: bmp(250, 10, 10) }, { k: 4 }))).not.toContain('red.bmp')
    expect(await index.count()).toBe(3)
  })

  it.each([
    [{ id: 'a' }, 'bad-item'],
    [{ id: 'a', text: 'x', metadata: { 'no column': 1 } }, 'bad-metadata'],
    [{ id: 'a', text: 'x', metadata: { size: 1 } }, 'bad-metadata'],
  ])('%j is refused', async (item, code) => {
    await using index = await open({}, 'memory:')
    await expect(index.add([item as never])).rejects.toThrow(expect.objectContaining({ code }))
  })
})

describe('an index', () => {
  it('knows its model: another one, or other preprocessing, is an error', async () => {
    await (await open({ name: 'toy' })).close()
    await (await open()).close()
    await expect(open({ model: toyModel(-1) })).rejects.toThrow(
      expect.objectContaining({ code: 'wrong-model', message: expect.stringContaining('(of toy)') as string }),
    )
  })

  it('that is not there is an error where it is only read', async () => {
    await expect(open({ create: false })).rejects.toThrow(expect.objectContaining({ code: 'no-index' }))
  })

  it('is approximate above a size, with its recall', async () => {
    const texts = Array.from({ length: 1200 }, (_, i) => ({
      ...{ id: `t${i}`, version: '1', text: `${i * 7919} words ${i ** 3}` },
    }))
    {
      await using exact = await open()
      await exact.add(texts, { batchSize: 200 })
      expect((await exact.info()).approximate).toBeUndefined()
    }
    // Nothing is new: what an addition before has left undone is done.
    await using index = await open({ exactBelow: 1000 })
    expect(await index.add(texts)).toMatchObject({ added: 0, unchanged: 1200 })
    const { approximate } = await index.info()
    expect(approximate).toMatchObject({ kind: 'IVF_FLAT', rows: 1200 })
    expect(approximate!.recall.items).toBeGreaterThanOrEqual(0.99)
    expect(approximate!.recall.texts).toBeGreaterThanOrEqual(0.99)
    const query = texts[500]!.text
    const [found, exact] = [await index.search(query), await index.search(query, { exact: true })]
    expect(found.map(({ score }) => score)).toEqual(exact.map(({ score }) => expect.closeTo(score, 4) as number))
    await index.add([{ id: 'new', text: 'zzz' }])
    expect((await index.search('zzz', { k: 1 }))[0]!.id).toBe('new')
  })

  it.each([
    [[], 'no-query'],
    [[{ text: 'a', weight: NaN }], 'bad-query'],
    [[{ text: 'a' }, { text: 'a', weight: -1 }], 'bad-query'],
    [{ vector: new Float32Array(3) }, 'bad-query'],
    [{}, 'bad-query'],
  ])('refuses the query %j', async (query, code) => {
    await using index = await open({}, 'memory:')
    await expect(index.search(query as never)).rejects.toThrow(expect.objectContaining({ code }))
  })
})
