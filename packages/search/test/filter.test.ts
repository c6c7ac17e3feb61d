import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Item, SearchIndex } from '../src/index'
import { toyModel, toyProcessor } from './toy'

const ITEMS: Item[] = [
  {
    id: 'a/1.png',
    text: "it's red",
    metadata: { year: 2020, place: 'Ulm', liked: true, constructor: 'Lotus' } as Item['metadata'],
  },
  { id: 'a/2.png', text: 'blue', metadata: { year: 2024, place: 'Über_see', liked: false } },
  { id: 'b/3.png', text: '100% green', metadata: { year: -1.5, place: null } },
  { id: 'b/4_x.png', text: 'line\nbreak', metadata: { liked: true } },
  { id: 'ü', text: 'z', metadata: { year: 0, place: '' } },
]

let folder: string
let [lance, memory]: SearchIndex[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-filter-'))
  const options = { model: toyModel(), processor: toyProcessor }
  lance = await SearchIndex.open(join(folder, 'index'), options)
  memory = await SearchIndex.open('memory:', options)
  for (const index of [lance, memory]) await index.add(ITEMS)
})
afterAll(async () => {
  await lance?.close()
  await rm(folder, { recursive: true })
})

const found = async (index: SearchIndex, where: string) =>
  (await index.search('red', { where, exact: true, k: 9 })).map(({ id }) => id).sort()

describe('a filter in memory is the filter in LanceDB', () => {
  it.each([
    ['year > 2020', 1],
    ["year >= 2020 AND place = 'Ulm'", 1],
    ['year <> 2020', 3],
    ['NOT year = 2020', 3],
    ['year < 0 OR liked', 3],
    ['liked = true', 2],
    ['NOT liked', 1],
    ['place IS NULL', 2],
    ['place IS NOT NULL AND liked IS NULL', 1],
    ["id LIKE 'a/%'", 2],
    ["id NOT LIKE '%.png'", 1],
    ["id LIKE '_'", 1],
    ["id LIKE '%4\\_x%'", 1],
    ["text LIKE '%0\\%%'", 1],
    ["text LIKE 'line%break'", 1],
    ["text LIKE '%''s red'", 1],
    ["text LIKE 'BLUE'", 0],
    ["place IN ('Ulm', 'Paris', '')", 2],
    ["place NOT IN ('Ulm')", 2],
    ["place NOT IN ('Ulm', NULL)", 0],
    ['year BETWEEN -2 AND 2020', 3],
    ['year NOT BETWEEN 0 AND 2020', 2],
    ["id > 'b/3.png'", 2],
    ["kind = 'text' AND size IS NULL", 5],
    ['(year > 2000 OR place IS NULL) AND NOT (liked AND year > 2000)', 2],
    ['year > 2000 OR year < 2000 AND liked', 2],
    ['YEAR > 1e3', 2],
    ['constructor IS NULL', 4],
    ["constructor = 'Lotus'", 1],
  ])('%s', async (where, count) => {
    const wanted = await found(lance!, where)
    expect(await found(memory!, where)).toEqual(wanted)
    expect(wanted).toHaveLength(count)
    expect(await memory!.count(where)).toBe(count)
  })

  it('has of each item its own metadata, whatever their names', async () => {
    for (const index of [lance!, memory!]) {
      const hits = await index.search('red', { exact: true, k: 9 })
      const names = Object.fromEntries(hits.map(({ id, metadata }) => [id, Object.keys(metadata).sort()]))
      expect(names['a/1.png']).toEqual(['constructor', 'liked', 'place', 'year'])
      expect(names['a/2.png']).toEqual(['liked', 'place', 'year'])
      expect(hits.find(({ id }) => id === 'a/1.png')?.metadata.constructor).toBe('Lotus')
    }
  })

  it.each(['colour = 1', 'year >', "year = 'a' OR", '', 'DROP', 'id LIKE', 'year ~ 1', "'open"])(
    'both refuse "%s"',
    async (where) => {
      for (const index of [lance!, memory!])
        await expect(index.search('red', { where })).rejects.toMatchObject({ code: 'bad-filter' })
    },
  )
})
