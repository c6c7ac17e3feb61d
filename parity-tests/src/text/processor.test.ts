import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import {
  ImageProcessor,
  type ProcessorInputs,
  type Tensor,
  tensor,
  Tokenizer,
  VisionTextDualEncoderProcessor,
} from '@dual-encoder/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const FIXTURES = fileURLToPath(new URL('../../fixtures/text', import.meta.url))

/** parity-tests/fixtures/text/processor.json: tools/reference/processor_fixture.py */
interface Fixture {
  readonly texts: readonly string[]
  readonly calls: readonly Record<string, unknown>[]
  readonly results: readonly Record<string, { dims: number[]; sha256: string }>[]
  readonly names: readonly string[]
  readonly files: Readonly<Record<string, object>>
}

const camel = (name: string): string => name.replace(/_(.)/g, (_, char: string) => char.toUpperCase())
const summary = ({ dims, data }: Tensor) => ({
  dims,
  sha256: createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex'),
})
const picture = {
  data: Uint8Array.from({ length: 30 * 40 * 3 }, (_, i) => (i * 7 + Math.floor(i / 120) * 31) % 256),
  width: 40,
  height: 30,
  channels: 3,
}

describe('VisionTextDualEncoderProcessor', () => {
  let fixture: Fixture
  let folder: string
  let processor: VisionTextDualEncoderProcessor

  beforeAll(async () => {
    fixture = JSON.parse(await readFile(`${FIXTURES}/processor.json`, 'utf8')) as Fixture
    folder = await mkdtemp(join(tmpdir(), 'dual-encoder-processor-'))
    for (const [name, json] of Object.entries(fixture.files)) await writeFile(join(folder, name), JSON.stringify(json))
    processor = await VisionTextDualEncoderProcessor.fromPretrained(folder, { tokenizer: `${FIXTURES}/bert` })
  })
  afterAll(() => rm(folder, { recursive: true }))

  /** A call of the fixture, by our names. */
  function inputsOf({ text, words, images, ...options }: Record<string, unknown>): ProcessorInputs {
    return {
      ...Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value])),
      ...(text ? { text: fixture.texts } : {}),
      ...(words ? { text: fixture.texts.map((each) => each.split(' ')) } : {}),
      ...(images ? { images: [picture, picture] } : {}),
    }
  }

  async function checkCalls(with_: VisionTextDualEncoderProcessor): Promise<void> {
    for (const [i, call] of fixture.calls.entries()) {
      const output = Object.entries((await with_(inputsOf(call))) as Record<string, Tensor>)
      const wanted = Object.entries(fixture.results[i]!).map(([name, value]) => [camel(name), value])
      expect(Object.fromEntries(output.map(([name, value]) => [name, summary(value)])), JSON.stringify(call)).toEqual(
        Object.fromEntries(wanted),
      )
    }
  }

  it('takes texts without a name', async () => {
    expect(await processor(['a cat', 'b'])).toEqual(await processor({ text: ['a cat', 'b'] }))
    expect(await processor('a cat', { maxLength: 7, padding: 'max_length' })).toEqual(
      await processor({ text: 'a cat', maxLength: 7, padding: 'max_length' }),
    )
    expect(await processor([['a', 'cat']], { isSplitIntoWords: true })).toEqual(await processor({ text: 'a cat' }))
    await expect(processor('a cat', { images: [] } as never)).rejects.toThrow(/No images given/)
    await expect(processor(5 as never)).rejects.toMatchObject({ code: 'bad-options' })
  })

  it('gives the ids and the pixels of transformers, with overrides of both halves', () => checkCalls(processor))

  it('is the same after it is saved and loaded', async () => {
    await processor.savePretrained(join(folder, 'saved'))
    await checkCalls(await VisionTextDualEncoderProcessor.fromPretrained(join(folder, 'saved')))
  })

  it('is made of its parts, and misses neither', async () => {
    const [images, texts] = [
      await ImageProcessor.fromPretrained(folder),
      await Tokenizer.fromPretrained(`${FIXTURES}/bert`),
    ]
    await checkCalls(new VisionTextDualEncoderProcessor(images, texts))
    expect(processor.modelInputNames).toEqual(fixture.names)
    const nothing = undefined as never
    expect(() => new VisionTextDualEncoderProcessor(nothing, texts)).toThrow(/image processor/)
    expect(() => new VisionTextDualEncoderProcessor(images, nothing)).toThrow(/tokenizer/)
    expect(() => new VisionTextDualEncoderProcessor(texts as never, images as never)).toThrow(/image processor/)
  })

  it('refuses a call without inputs, and options that neither half has', async () => {
    await expect(processor({})).rejects.toMatchObject({ code: 'no-inputs' })
    const typo = { images: [picture], doResise: false } as ProcessorInputs
    await expect(processor(typo)).rejects.toMatchObject({ code: 'unknown-option' })
    const misnamed = { text: 'a', image: picture } as ProcessorInputs
    await expect(processor(misnamed)).rejects.toMatchObject({ code: 'unknown-option' })
    await expect(processor(undefined as never)).rejects.toMatchObject({ code: 'bad-options' })
    const signal = AbortSignal.abort(new Error('no longer wanted'))
    await expect(processor({ text: 'a', signal })).rejects.toBe(signal.reason)
    await expect(processor({ text: ['a', 'a b'], padding: false })).rejects.toMatchObject({ code: 'ragged-texts' })
    await expect(VisionTextDualEncoderProcessor.fromPretrained(folder)).rejects.toMatchObject({
      code: 'tokenizer-not-found',
    })
  })

  it('turns logits into probabilities, as the loss asks', () => {
    const logitsPerImage = tensor(Float32Array.of(0, Math.log(3), 1000, 1000, -1000, 1000), [3, 2])
    const clip = processor.postProcess({ logitsPerImage })
    expect(clip.dims).toEqual([3, 2])
    expect([...clip.data]).toEqual([0.25, 0.75, 0.5, 0.5, 0, 1])
    const siglip = processor.postProcess({ logitsPerImage }, { loss: 'siglip' })
    expect([...siglip.data]).toEqual([0.5, 0.75, 1, 1, 0, 1])
    expect(() => processor.postProcess({ logitsPerImage }, { loss: 'mse' as never })).toThrow(/clip, siglip/)
  })
})
