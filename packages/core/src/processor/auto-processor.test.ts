import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tensor } from '../base/tensor'
import { AutoProcessor } from './auto-processor'

const EMOJI = resolve(import.meta.dirname, '../../../../parity-tests/models/emoji-vit-bert')
const logitsPerImage = tensor(Float32Array.from([0, 2]), [1, 2])
let siglip: string
beforeAll(async () => {
  siglip = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
  for (const name of ['preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json'])
    await cp(join(EMOJI, name), join(siglip, name))
  await writeFile(join(siglip, 'config.json'), '{"model_type":"siglip"}')
  const config = JSON.parse(await readFile(join(siglip, 'tokenizer_config.json'), 'utf8')) as object
  await writeFile(
    join(siglip, 'tokenizer_config.json'),
    JSON.stringify({ ...config, model_input_names: ['input_ids'], processor_class: 'SiglipProcessor' }),
  )
})
afterAll(() => rm(siglip, { recursive: true }))

it("prepares texts as SigLIP's zero-shot pipeline: 64 tokens, no mask unless the tokenizer lists it", async () => {
  const processor = await AutoProcessor.fromPretrained(siglip)
  const short = await processor({ text: ['a dog'] })
  expect(short.inputIds.dims).toEqual([1, 64])
  expect(short).not.toHaveProperty('attentionMask')
  expect((await processor({ text: 'dog '.repeat(99) })).inputIds.dims).toEqual([1, 64])
  expect((await processor({ text: ['a dog'], padding: true })).inputIds.dims[1]).toBeLessThan(10)
  const [first = 0, second = 0] = processor.postProcess({ logitsPerImage }).data as Float32Array
  expect([first, second]).toEqual([0.5, Math.fround(1 / (1 + Math.exp(-2)))])
})

it('knows the family by the processor that files name where there is no config', async () => {
  const config = await readFile(join(siglip, 'config.json'))
  await rm(join(siglip, 'config.json'))
  const processor = await AutoProcessor.fromPretrained(siglip)
  expect((await processor({ text: ['a dog'] })).inputIds.dims).toEqual([1, 64])
  await writeFile(join(siglip, 'config.json'), config)
})

it('is the processor of a pair elsewhere', async () => {
  const processor = await AutoProcessor.fromPretrained(EMOJI)
  const { inputIds } = await processor({ text: ['a dog', 'a slice of pizza'] })
  expect(inputIds.dims[1]).toBeLessThan(12)
  const [first = 0, second = 0] = processor.postProcess({ logitsPerImage }).data as Float32Array
  expect(first + second).toBeCloseTo(1, 6)
})
