import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AutoProcessor } from '@dual-encoder/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

interface Fixture {
  readonly pictures: readonly (readonly [number, number])[]
  readonly images: readonly {
    readonly preprocess_cfg: Readonly<Record<string, unknown>>
    readonly pixels: readonly { readonly dims: readonly number[]; readonly sha256: string }[]
  }[]
  readonly texts: readonly string[]
  readonly ids: readonly { readonly tokenizer: string; readonly clean: string; readonly ids: readonly number[][] }[]
}

const at = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const fixture = JSON.parse(readFileSync(at('open-clip/processing.json'), 'utf8')) as Fixture
const FOLDERS: Readonly<Record<string, string>> = { simple: 'open-clip/tokenizer', 'xlm-roberta': 'text/xlm-roberta' }

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

const model = (text: object = {}) => ({ vision_cfg: { image_size: 24 }, text_cfg: { context_length: 12, ...text } })

describe("open_clip's pixels", () => {
  it.each(fixture.images)('$preprocess_cfg', async ({ preprocess_cfg, pixels }) => {
    const processor = await processorOf({ model_cfg: model(), preprocess_cfg })
    for (const [i, { dims, sha256 }] of pixels.entries()) {
      const { pixelValues } = await processor({ images: picture(fixture.pictures[i]!) })
      expect(pixelValues.dims).toEqual([1, ...dims])
      const bytes = new Uint8Array(pixelValues.data.buffer, pixelValues.data.byteOffset, pixelValues.data.byteLength)
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
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

  it('that are placed in an unknown way are an error', async () => {
    await expect(processorOf({ model_cfg: model(), preprocess_cfg: { resize_mode: 'widest' } })).rejects.toMatchObject({
      code: 'bad-config-value',
    })
  })
})

describe("open_clip's ids", () => {
  it.each(fixture.ids)('$tokenizer, $clean', async ({ tokenizer, clean, ids }) => {
    const text = {
      ...(tokenizer !== 'simple' && { hf_tokenizer_name: tokenizer, hf_model_name: tokenizer }),
      ...((tokenizer !== 'simple' || clean !== 'lower') && { tokenizer_kwargs: { clean } }),
    }
    const processor = await processorOf({ model_cfg: model(text) }, tokenizer)
    const { inputIds, attentionMask } = await processor({ text: fixture.texts })
    expect(inputIds.dims).toEqual([fixture.texts.length, 12])
    const rows = fixture.texts.map((_, row) => Array.from(inputIds.data.slice(row * 12, (row + 1) * 12), Number))
    const differ = rows.flatMap((row, i) => (row.join() === ids[i]!.join() ? [] : [[fixture.texts[i], row, ids[i]]]))
    expect(differ).toEqual([])
    // Only a text tower of transformers is told what is padding.
    expect(attentionMask !== undefined).toBe(tokenizer !== 'simple')
  })

  it('cleaned in an unknown way, or drawn by chance, are an error', async () => {
    const json = (text: object) => ({ model_cfg: model(text) })
    await expect(processorOf(json({ tokenizer_kwargs: { clean: 'upper' } }))).rejects.toMatchObject({
      code: 'bad-config-value',
    })
    await expect(processorOf(json({ tokenizer_kwargs: { reduction_mask: 'random' } }))).rejects.toMatchObject({
      code: 'unsupported-config',
    })
  })
})
