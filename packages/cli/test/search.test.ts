import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cli, fixture, SAMPLES } from './cli'

let folder: string
let index: string[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-cli-search-'))
  index = ['--index', join(folder, 'index')]
  await cp(SAMPLES, join(folder, 'pictures'), { recursive: true })
  await cp(join(SAMPLES, 'pizza.png'), join(folder, 'pictures/pizza again.png'))
  await writeFile(join(folder, 'pictures/notes.txt'), 'no picture')
})
afterAll(() => rm(folder, { recursive: true }))

it('indexes a folder and searches it: two commands', async () => {
  const first = await cli('index', join(folder, 'pictures'), ...index)
  expect(first).toMatchObject({ code: 0, err: expect.stringContaining('1 .txt') as string })
  expect(first.out).toMatch(/13 added|12 added, 1 copied/)
  const again = await cli('index', join(folder, 'pictures'), ...index, '--json')
  expect(again.values).toEqual([expect.objectContaining({ added: 0, unchanged: 13, count: 13 })])

  const { out } = await cli('search', 'a slice of pizza', ...index, '--top', '1')
  expect(out).toMatch(/^0\.\d{3} {2}.*pizza/)
  const picture = ['--image', join(SAMPLES, 'red-apple.png')]
  const filtered = await cli('search', ...picture, ...index, '--where', "id NOT LIKE '%apple%'", '--json')
  expect(filtered.values).toHaveLength(10)
  expect(filtered.values.map(({ id }) => id as string).filter((id) => id.includes('apple'))).toEqual([])
  const similar = await cli('search', '--similar', join(folder, 'pictures/pizza.png'), ...index, '-k', '1', '--json')
  expect(similar.values[0]!.id).toMatch(/pizza again\.png$/)
  const duplicates = await cli('search', '--duplicates', '0.999', ...index, '--json')
  expect(duplicates.values).toEqual([[expect.stringMatching(/pizza/), expect.stringMatching(/pizza/)]])
})

it('tells other preprocessing from that of the index', async () => {
  await cli('index', join(folder, 'pictures'), ...index)
  const model = join(folder, 'other')
  await cp(fixture('models/emoji-vit-bert'), model, { recursive: true })
  const config = await readFile(join(model, 'preprocessor_config.json'), 'utf8')
  await writeFile(
    join(model, 'preprocessor_config.json'),
    JSON.stringify({ ...JSON.parse(config), image_mean: [0, 0, 0] }),
  )
  const other = await cli('search', 'x', ...index, '--model', model)
  expect(other).toMatchObject({ code: 1, err: expect.stringContaining('wrong-model') as string })
})

it('says where there is no index, or no query', async () => {
  expect((await cli('search', 'x', '--index', join(folder, 'none'))).err).toContain('no-index')
  await cli('index', join(folder, 'pictures'), ...index)
  expect((await cli('search', ...index)).err).toContain('no-query')
})
