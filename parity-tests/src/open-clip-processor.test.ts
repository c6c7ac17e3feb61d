import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AutoProcessor, type Tensor } from '@dual-encoder/core'
import { CLEAN } from '../../packages/core/src/processor/open-clip/clean'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

interface Pixels {
  readonly dims: readonly number[]
  readonly sha256: string
}

interface Fixture {
  readonly pictures: readonly (readonly [number, number])[]
  readonly images: readonly {
    readonly preprocess_cfg: Readonly<Record<string, unknown>>
    readonly pixels: readonly Pixels[]
  }[]
  readonly transforms_of_files: readonly object[]
  readonly files: readonly {
    readonly name: string
    readonly mode: string
    readonly base64: string
    readonly pixels: readonly Pixels[]
  }[]
  readonly texts: readonly string[]
  readonly ids: readonly {
    readonly tokenizer: string
    readonly clean: string
    readonly strip_sep_token?: boolean
    readonly tokenizer_mode?: string
    readonly ids: readonly number[][]
  }[]
}

const at = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const fixture = JSON.parse(readFileSync(at('open-clip/processing.json'), 'utf8')) as Fixture
const FOLDERS: Readonly<Record<string, string>> = {
  simple: 'open-clip/tokenizer',
  'xlm-roberta': 'text/xlm-roberta',
  bert: 'text/bert',
}

/** As the script draws them. */
function picture([height, width]: readonly [number, number]) {
  const data = Uint8Array.from(
    { length: height * width * 3 },
    (_, i) => (i * 7 + Math.floor(i / (3 * width)) * 31) % 256,
  )
  return { data, width, height, channels: 3 as const }
}

let folder: string
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))))
afterEach(() => rm(folder, { recursive: true }))

async function processorOf(json: object, tokenizer = 'simple') {
  await cp(at(FOLDERS[tokenizer]!), folder, { recursive: true })
  await writeFile(join(folder, 'open_clip_config.json'), JSON.stringify(json))
  return AutoProcessor.fromPretrained(folder)
}

/** "clips" puts tokens around a text that BERT's tokenizer has not, unless its config names them. */
async function withTokens(json: object) {
  await cp(at('text/bert'), folder, { recursive: true })
  const file = join(folder, 'tokenizer_config.json')
  const settings = JSON.parse(readFileSync(file, 'utf8')) as object
  await writeFile(file, JSON.stringify({ ...settings, bos_token: '[UNK]', eos_token: '[MASK]' }))
  await writeFile(join(folder, 'open_clip_config.json'), JSON.stringify(json))
  return AutoProcessor.fromPretrained(folder)
}

const model = (text: object = {}) => ({ vision_cfg: { image_size: 24 }, text_cfg: { context_length: 12, ...text } })

/** Of the one picture of a batch. */
function hashOf({ dims, data }: Tensor<'float32'>): Pixels {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return { dims: dims.slice(1), sha256: createHash('sha256').update(bytes).digest('hex') }
}

describe("open_clip's pixels", () => {
  it.each(fixture.images)('$preprocess_cfg', async ({ preprocess_cfg, pixels }) => {
    const processor = await processorOf({ model_cfg: model(), preprocess_cfg })
    for (const [i, { dims, sha256 }] of pixels.entries()) {
      const { pixelValues } = await processor({ images: picture(fixture.pictures[i]!) })
      expect(hashOf(pixelValues)).toEqual({ dims, sha256 })
    }
    // The size is the tower's where preprocess_cfg, as open_clip pushes it, leaves it out.
    if (preprocess_cfg.size === 24 && pixels.length > 0) {
      const { size: _, ...rest } = preprocess_cfg
      const again = await processorOf({ model_cfg: model(), preprocess_cfg: rest })
      expect(again.imageProcessor.toJSON()).toEqual(processor.imageProcessor.toJSON())
    }
    // Saved and read again, it does the same.
    await rm(join(folder, 'open_clip_config.json'))
    await processor.savePretrained(folder)
    const saved = await AutoProcessor.fromPretrained(folder)
    expect(saved.imageProcessor.backend).toBe('pil')
    const [ours, theirs] = await Promise.all(
      [saved, processor].map((one) => one({ images: picture(fixture.pictures[1]!) })),
    )
    expect(ours!.pixelValues).toEqual(theirs!.pixelValues)
    expect(await readdir(folder)).toContain('preprocessor_config.json')
  })

  it.each(fixture.files)('of $name, which Pillow keeps as $mode', async ({ base64, pixels }) => {
    const bytes = Uint8Array.from(Buffer.from(base64, 'base64'))
    for (const [i, preprocess_cfg] of fixture.transforms_of_files.entries()) {
      const processor = await processorOf({ model_cfg: model(), preprocess_cfg })
      const { pixelValues } = await processor({ images: bytes })
      expect(hashOf(pixelValues)).toEqual(pixels[i])
    }
  })

  it('of pixels with alpha are those of the file, unless a call puts them on a colour', async () => {
    const { base64, pixels } = fixture.files.find(({ name }) => name === 'rgba.png')!
    const bytes = Buffer.from(base64, 'base64')
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
    const processor = await processorOf({ model_cfg: model(), preprocess_cfg: fixture.transforms_of_files[0] })
    const images = { data: new Uint8Array(data), width: info.width, height: info.height, channels: 4 as const }
    expect(hashOf((await processor({ images })).pixelValues)).toEqual(pixels[0])
    expect(hashOf((await processor({ images: sharp(bytes) })).pixelValues)).toEqual(pixels[0])
    const white = await processor({ images, transparency: 'white' })
    const file = await processor({ images: new Uint8Array(bytes), transparency: 'white' })
    expect(white.pixelValues).toEqual(file.pixelValues)
    expect(hashOf(white.pixelValues)).not.toEqual(pixels[0])
  })

  it('that are placed in an unknown way are an error', async () => {
    await expect(processorOf({ model_cfg: model(), preprocess_cfg: { resize_mode: 'widest' } })).rejects.toMatchObject({
      code: 'bad-config-value',
    })
  })
})

describe("open_clip's cleaning of texts", () => {
  it("mends mojibake as ftfy's fix_text", () => {
    const rows = JSON.parse(readFileSync(at('open-clip/cleaning.json'), 'utf8')) as [string, string][]
    expect(rows.length).toBeGreaterThan(400)
    const clean = CLEAN.whitespace!
    expect(rows.filter(([text, wanted]) => clean(text) !== wanted)).toEqual([])
  })
})

describe("open_clip's ids", () => {
  it.each(fixture.ids)('$tokenizer, $clean, $strip_sep_token, $tokenizer_mode', async (given) => {
    const { tokenizer, clean, strip_sep_token, tokenizer_mode, ids } = given
    const text = {
      ...(tokenizer !== 'simple' && { hf_tokenizer_name: tokenizer, hf_model_name: tokenizer }),
      ...((tokenizer !== 'simple' || clean !== 'lower') && {
        tokenizer_kwargs: { clean, ...(strip_sep_token && { strip_sep_token }) },
      }),
      ...(tokenizer_mode && { tokenizer_mode }),
    }
    const json = { model_cfg: model(text) }
    const processor = tokenizer_mode ? await withTokens(json) : await processorOf(json, tokenizer)
    const { inputIds, attentionMask } = await processor({ text: fixture.texts })
    expect(inputIds.dims).toEqual([fixture.texts.length, 12])
    const rows = fixture.texts.map((_, row) => Array.from(inputIds.data.slice(row * 12, (row + 1) * 12), Number))
    const differ = rows.flatMap((row, i) => (row.join() === ids[i]!.join() ? [] : [[fixture.texts[i], row, ids[i]]]))
    expect(differ).toEqual([])
    // Only a text tower of transformers is told what is padding.
    expect(attentionMask !== undefined).toBe(tokenizer !== 'simple')
  })

  it('between tokens that the tokenizer has not are an error', async () => {
    const text = { hf_tokenizer_name: 'x', tokenizer_mode: 'clips' }
    await expect(processorOf({ model_cfg: model(text) }, 'bert')).rejects.toMatchObject({
      code: 'bad-config-value',
      message: expect.stringContaining('bos_token') as string,
    })
  })

  it('of a tokenizer that lies elsewhere', async () => {
    await writeFile(
      join(folder, 'open_clip_config.json'),
      JSON.stringify({ model_cfg: model({ hf_tokenizer_name: at('text/bert') }) }),
    )
    const processor = await AutoProcessor.fromPretrained(folder)
    expect((await processor('a dog')).inputIds.dims).toEqual([1, 12])
  })

  it('cleaned in an unknown way, or drawn by chance, are an error', async () => {
    const json = (text: object) => ({ model_cfg: model(text) })
    await expect(processorOf(json({ tokenizer_kwargs: { clean: 'upper' } }))).rejects.toMatchObject({
      code: 'bad-config-value',
    })
    await expect(processorOf(json({ hf_tokenizer_name: 'x', tokenizer_mode: 'clap' }))).rejects.toMatchObject({
      code: 'bad-config-value',
    })
    await expect(processorOf(json({ tokenizer_kwargs: { reduction_mask: 'random' } }))).rejects.toMatchObject({
      code: 'unsupported-config',
    })
  })
})
