import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mix, permutation, Random } from '../random'
import { folderData } from './folder'
import { huggingFaceData } from './hugging-face'
import type { IndexedData } from './sample'
import { parseTable } from './tables'
import { expandBraces } from './webdataset'

describe('tables', () => {
  it('read quotes, line breaks within them, and Windows', () => {
    expect(parseTable('\uFEFFfile,text\r\na.png,"a ""big"", red\nball"\r\n\r\nb.png,\r\n', 'x.csv')).toEqual([
      { file: 'a.png', text: 'a "big", red\nball' },
      { file: 'b.png', text: '' },
    ])
    expect(parseTable('file\ttext\na.png\tone, two', 'x.tsv')).toEqual([{ file: 'a.png', text: 'one, two' }])
    expect(parseTable('{"file":"a","text":["x","y"]}\n\n', 'x.jsonl')).toEqual([{ file: 'a', text: ['x', 'y'] }])
  })

  it.each([
    ['a,b\n1,2,3', 'x.csv', /row 1 has 3 fields, the first line names 2/],
    ['{"a":1}\n{', 'x.jsonl', /line 2 is not JSON/],
    ['[1]', 'x.jsonl', /line 1 is not a JSON object/],
    ['', 'x.xls', /\.csv, \.tsv or \.jsonl/],
  ])('say what is wrong with %j', (text, file, message) => {
    expect(() => parseTable(text, file)).toThrow(message)
  })
})

describe('folders', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'data-'))
    await mkdir(join(folder, 'train'))
    await writeFile(join(folder, 'captions.csv'), 'file_name,caption,group\na.png,a cat,7\nb.png,,\ngone.png,a dog,\n')
    await writeFile(join(folder, 'a.png'), 'a')
    await writeFile(join(folder, 'b.png'), 'b')
    await writeFile(join(folder, 'train/metadata.jsonl'), '{"file_name":"c.png","text":"c","text_de":"ce"}\n')
    await writeFile(join(folder, 'train/c.png'), 'c')
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('give pictures by the table, and say what is missing', async () => {
    const data = await folderData(folder)
    expect(data.length).toBe(3)
    expect(await data.get(0)).toMatchObject({ key: 'a.png', text: ['a cat'], group: '7' })
    expect(data.keysOf!(0)).toEqual(['image a.png', 'a cat', 'group 7'])
    await expect((async () => data.get(1))()).rejects.toThrow('b.png has no caption')
    await expect((async () => data.get(2))()).rejects.toThrow(/no picture "gone\.png"/)
  })

  it("are read as Hugging Face's, with captions of several columns", async () => {
    const data = (await huggingFaceData(folder, { columns: { text: ['text', 'text_de'] } })) as IndexedData
    const sample = await data.get(0)
    expect(sample).toMatchObject({ key: 'train/c.png', text: ['c', 'ce'] })
    expect(new TextDecoder().decode(sample.image as Uint8Array)).toBe('c')
    await expect(huggingFaceData(folder, { split: 'test' })).rejects.toThrow(/for split "test"/)
  })

  it('need a table, and columns that are there', async () => {
    await expect(folderData(join(folder, 'train'), { table: 'x.csv' })).rejects.toThrow(/has no x\.csv/)
    await expect(folderData(folder, { columns: { text: 'words' } })).rejects.toThrow(
      /no column "words"\. It has: file_name, caption/,
    )
  })
})

it('braces stand for many names', () => {
  expect(expandBraces('a-{08..10}.tar')).toEqual(['a-08.tar', 'a-09.tar', 'a-10.tar'])
  expect(expandBraces('{x,y}/{1..2}')).toEqual(['x/1', 'x/2', 'y/1', 'y/2'])
  expect(() => expandBraces('{3..1}')).toThrow(/counts down/)
})

describe('chance', () => {
  it('is the same for the same parts, in whatever order it is asked', () => {
    const first = new Random(1, 2, 3)
    const values = [first.next(), first.next()]
    expect([new Random(1, 2, 3).next(), values[1]]).toEqual([values[0], values[1]])
    expect(new Set([mix(1, 2), mix(2, 1), mix(1, 2, 0), mix(1), mix(0, 0), mix(0)]).size).toBe(6)
  })

  it('spreads evenly', () => {
    const counts = Array<number>(10).fill(0)
    for (let sample = 0; sample < 20_000; sample++) counts[new Random(7, 0, sample).below(10)]!++
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200)
    const order = permutation(1000, 3)
    expect([...order].toSorted((a, b) => a - b)).toEqual([...Array(1000).keys()])
    expect(order.filter((value, i) => value === i).length).toBeLessThan(8)
  })
})
