import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Tensor, tensor } from '../base/tensor'
import { openWeights } from './open'
import { readEntries } from './read-entries'
import { writeSafetensors } from './safetensors/write'
import { openSource } from '../files/source'
import type { WeightEntry } from './entry'

const one = (value: number): Tensor => tensor([value], [1])
const shard = (tensors: Readonly<Record<string, Tensor>>) => writeSafetensors(tensors, { format: 'pt' })

/** A folder with these files; objects become JSON. */
async function folder(files: Readonly<Record<string, Uint8Array | object | string>>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
  for (const [name, content] of Object.entries(files)) {
    const plain = content instanceof Uint8Array || typeof content === 'string'
    await writeFile(join(path, name), plain ? content : JSON.stringify(content))
  }
  return path
}

const INDEX = 'model.safetensors.index.json'

it('prefers the whole file to an index, and reads shards by theirs', async () => {
  const files = {
    '1.safetensors': shard({ a: one(1) }),
    '2.safetensors': shard({ b: one(2), c: one(3) }),
    [INDEX]: { metadata: {}, weight_map: { c: '2.safetensors', a: '1.safetensors', b: '2.safetensors' } },
  }
  const sharded = await openWeights(await openSource(await folder(files)))
  expect(sharded).toMatchObject({ file: INDEX, framework: 'pytorch' })
  expect([...sharded.weights.keys()].sort()).toEqual(['a', 'b', 'c'])
  expect(await sharded.weights.get('c')?.read()).toEqual(one(3))
  const whole = await openWeights(
    await openSource(await folder({ ...files, 'model.safetensors': shard({ d: one(4) }) })),
  )
  expect(whole.file).toBe('model.safetensors')
  expect([...whole.weights.keys()]).toEqual(['d'])
})

it("takes open_clip's own file where its config tells of the model", async () => {
  // As timm's repositories lie, and an open_clip saved over another.
  const files = {
    'model.safetensors': shard({ 'blocks.0.norm1.weight': one(1) }),
    'open_clip_model.safetensors': shard({ logit_scale: one(2) }),
  }
  const source = await openSource(await folder(files))
  expect((await openWeights(source, 'auto', true)).file).toBe('open_clip_model.safetensors')
  expect((await openWeights(source)).file).toBe('model.safetensors')
  expect((await openWeights(source, 'safetensors', true)).file).toBe('model.safetensors')
  const ours = await openSource(await folder({ 'model.safetensors': files['model.safetensors'] }))
  expect((await openWeights(ours, 'auto', true)).file).toBe('model.safetensors')
})

it('tells where a weight lies on disk, for engines that map it', async () => {
  const path = await folder({ 'model.safetensors': shard({ a: one(1), b: one(2) }) })
  const { weights } = await openWeights(await openSource(path))
  const { location } = weights.get('b') as WeightEntry
  expect(location).toMatchObject({ file: 'model.safetensors', length: 4, local: { name: 'model.safetensors' } })
  expect(location?.local?.size).toBe((location?.offset ?? 0) + 4)
})

const sound = { '1.safetensors': shard({ a: one(1) }) }

it.each<[code: string, what: string, files: Readonly<Record<string, Uint8Array | object | string>>]>([
  ['no-weights', 'an empty folder', {}],
  ['bad-json', 'an index that is no JSON', { ...sound, [INDEX]: '{' }],
  ['bad-json', 'an index that is a list', { ...sound, [INDEX]: [] }],
  ['bad-index', 'an index without a map', { ...sound, [INDEX]: { metadata: {} } }],
  ['bad-index', 'a map that is a list', { ...sound, [INDEX]: { weight_map: ['1.safetensors'] } }],
  ['bad-index', 'a map to numbers', { ...sound, [INDEX]: { weight_map: { a: 1 } } }],
  [
    'bad-index',
    'a tensor that its shard does not hold',
    { ...sound, [INDEX]: { weight_map: { a: '1.safetensors', b: '1.safetensors' } } },
  ],
  [
    'missing-shard',
    'a shard that is not there',
    { ...sound, [INDEX]: { weight_map: { a: '1.safetensors', b: '2.safetensors' } } },
  ],
  ['name-escapes', 'a shard above the folder', { ...sound, [INDEX]: { weight_map: { a: '../1.safetensors' } } }],
  ['name-escapes', 'a shard at the root', { ...sound, [INDEX]: { weight_map: { a: '/etc/passwd' } } }],
  ['name-escapes', 'a shard above, encoded', { ...sound, [INDEX]: { weight_map: { a: '%2e%2e%2f1.safetensors' } } }],
  [
    'name-escapes',
    'a shard above, as Windows writes it',
    { ...sound, [INDEX]: { weight_map: { a: '..\\1.safetensors' } } },
  ],
  [
    'truncated',
    'a shard that is cut',
    { '1.safetensors': shard({ a: one(1) }).subarray(0, -1), [INDEX]: { weight_map: { a: '1.safetensors' } } },
  ],
])('%s for %s', async (code, _what, files) => {
  await expect(openWeights(await openSource(await folder(files)))).rejects.toMatchObject({ code })
})

it('names what it looked for', async () => {
  const error: unknown = await openWeights(await openSource(await folder({}))).catch((error: unknown) => error)
  for (const file of ['model.safetensors', INDEX, 'pytorch_model.bin', 'flax_model.msgpack', 'tf_model.h5'])
    expect((error as Error).message).toContain(file)
})

describe.each(['model.safetensors', 'pytorch_model.bin', 'flax_model.msgpack', 'tf_model.h5'])('%s', (name) => {
  it.each([
    ['html-page', '<!DOCTYPE html><html><body>Please log in</body></html>'],
    ['text-file', '{"error":"Repository not found"}'],
    ['text-file', 'Entry not found'],
    ['text-file', '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'],
    ['text-file', 'Zugriff verweigert: für diese Datei fehlt die Berechtigung'],
    ['lfs-pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0'],
  ])('says that it is another thing: %s, %s', async (code, content) => {
    const page = new TextEncoder().encode(content)
    const source = await openSource({ read: async (file) => (file === name ? page : undefined) })
    await expect(openWeights(source)).rejects.toMatchObject({ name: 'CheckpointError', code })
  })
})

describe('readEntries', () => {
  const GAP = 65_536

  /** Entries at these ranges of one file, and the reads that were made. */
  function entriesAt(ranges: readonly (readonly [offset: number, length: number])[]) {
    const file = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251)
    const reads: number[][] = []
    const read = (offset: number, length: number) => {
      reads.push([offset, length])
      return Promise.resolve(file.slice(offset, offset + length))
    }
    const entries = ranges.map(([offset, length], i): WeightEntry => ({
      name: String(i),
      shape: [length],
      storage: 'U8',
      location: { file: 'f', offset, length, read },
      read: () => Promise.reject(new Error('not one by one')),
    }))
    return { entries, file, reads }
  }

  it.each([
    [
      'neighbours in one',
      [
        [10, 10],
        [0, 10],
        [20, 5],
      ],
      [[0, 25]],
    ],
    [
      'what lies a small gap apart in one',
      [
        [0, 10],
        [10 + GAP, 10],
      ],
      [[0, 20 + GAP]],
    ],
    [
      'what lies further apart in two',
      [
        [0, 10],
        [11 + GAP, 10],
      ],
      [
        [0, 10],
        [11 + GAP, 10],
      ],
    ],
    [
      'empty ones, wherever they stand',
      [
        [0, 10],
        [10, 0],
        [10, 10],
        [20, 0],
      ],
      [[0, 20]],
    ],
    [
      'ones inside others',
      [
        [0, 100],
        [10, 5],
        [90, 20],
      ],
      [[0, 110]],
    ],
  ])('reads %s', async (_what, ranges, expected) => {
    const { entries, file, reads } = entriesAt(ranges as [number, number][])
    const found = await readEntries(entries)
    expect(reads).toEqual(expected)
    for (const [i, [offset = 0, length = 0]] of ranges.entries())
      expect(found.get(String(i)), String(i)).toEqual(file.slice(offset, offset + length))
  })

  it('is an error for a weight that is not stored as it is', async () => {
    const [entry] = entriesAt([[0, 1]]).entries
    await expect(readEntries([{ ...(entry as WeightEntry), location: undefined }])).rejects.toMatchObject({
      code: 'not-stored',
    })
  })
})
