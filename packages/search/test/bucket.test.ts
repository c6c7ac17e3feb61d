import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SearchIndex } from '../src/index'
import { bucketIn, type TestBucket } from './bucket'
import { bmp, toyModel, toyProcessor } from './toy'

let folder: string
let bucket: TestBucket
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-bucket-'))
  bucket = await bucketIn(join(folder, 's3'))
})
afterAll(async () => {
  await bucket[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const open = (options: object = {}, place = `s3://${bucket.name}/index`) =>
  SearchIndex.open(place, { model: toyModel(), processor: toyProcessor, storage: bucket.storage, ...options })

it('an index in a bucket is what one in a folder is', async () => {
  const pictures = join(folder, 'pictures')
  await mkdir(pictures)
  await writeFile(join(pictures, 'red.bmp'), bmp(250, 10, 10))
  await writeFile(join(pictures, 'green.bmp'), bmp(10, 250, 10))
  await writeFile(join(pictures, 'blue.bmp'), bmp(10, 10, 250))
  await expect(open({ create: false })).rejects.toThrow(expect.objectContaining({ code: 'no-index' }))
  {
    await using index = await open()
    expect(await index.add(pictures)).toMatchObject({ added: 3, unchanged: 0 })
  }
  await rm(join(pictures, 'green.bmp'))
  await using index = await open({ create: false })
  expect(await index.add(pictures)).toMatchObject({ added: 0, unchanged: 2, removed: 1 })
  expect((await index.search({ image: bmp(255, 0, 0) }, { k: 1 }))[0]!.id).toBe(join(pictures, 'red.bmp'))
  await index.add([{ id: 'zebra', text: 'zzz', metadata: { year: 2020 } }])
  expect((await index.search('zzz', { k: 1, where: 'year = 2020' }))[0]!.id).toBe('zebra')
  await expect(open({ model: toyModel(-1) })).rejects.toThrow(expect.objectContaining({ code: 'wrong-model' }))
})

it('several may add to it at once', async () => {
  const place = `s3://${bucket.name}/shared`
  const all = Array.from({ length: 8 }, (_, i) => ({ id: `t${i}`, text: `text ${i}` }))
  await Promise.all(
    all.map(async (item) => {
      await using index = await open({}, place)
      await index.add([item])
    }),
  )
  await using index = await open({}, place)
  expect((await index.search('text', { k: 10 })).map(({ id }) => id).sort()).toEqual(all.map(({ id }) => id))
})

it.each([
  ['a bucket that there is not', 's3://nowhere/index', {}],
  ['a server that is away', 's3://pictures/index', { endpoint: 'http://127.0.0.1:9', client_max_retries: '0' }],
])('%s is an error that says what to look at', async (_, place, more) => {
  await expect(open({ storage: { ...bucket.storage, ...more } }, place)).rejects.toThrow(
    expect.objectContaining({ code: 'no-storage', message: expect.stringContaining('AWS_*') as string }),
  )
})
