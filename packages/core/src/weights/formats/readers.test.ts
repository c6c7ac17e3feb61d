import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { tensor } from '../../base/tensor'
import { openWeights } from '../open'
import { readSafetensors } from '../safetensors/read'
import { openSource } from '../../files/source'
import { openFlax } from './flax'
import { openPyTorch } from './pytorch-bin'
import { openTensorFlow } from './tensorflow'

const FILES = fileURLToPath(new URL('../../../../../parity-tests/fixtures/formats/', import.meta.url))

/** One file (or several), as a source that counts the bytes it gave. */
async function sourceOf(files: Readonly<Record<string, Uint8Array>>) {
  const given = { bytes: 0 }
  const source = await openSource({
    read: (name, range) => {
      const bytes = files[name]?.subarray(...(range ?? []))
      given.bytes += bytes?.length ?? 0
      return Promise.resolve(bytes)
    },
  })
  return { source, given }
}
const file = (name: string) => readFile(`${FILES}${name}`)

type Open = typeof openFlax
const open = async (read: Open, bytes: Uint8Array) => {
  const { source } = await sourceOf({ file: bytes })
  const weights = await read(source, 'file')
  for (const entry of weights?.values() ?? []) await entry.read()
  return weights
}

const values = Float32Array.from({ length: 24 }, (_, i) => Math.fround(i / 7))

describe('sound files', () => {
  it('reads what Flax writes: chunks, half precision, scalars, empty arrays', async () => {
    const weights = await open(openFlax, await file('sound.msgpack'))
    const read = async (name: string) => weights?.get(name)?.read()
    expect(await read('chunked/kernel')).toEqual(tensor(values, [2, 3, 4]))
    expect(weights?.get('half')).toMatchObject({ storage: 'BF16', shape: [3, 4] })
    expect((await read('half'))?.data[1]).toBe(0.142578125)
    expect(await read('scalar')).toEqual(tensor(new Float32Array([2.5]), []))
    expect(await read('small/bias')).toEqual(tensor(new Float32Array([1, -2, 0.5]), [3]))
    expect(await read('small/ids')).toMatchObject({ dims: [3] })
    expect(await read('small/none')).toEqual(tensor(new Float32Array(), [0, 4]))
  })

  it.each(['sound.bin', 'sound-legacy.bin'])(
    'reads what torch.save writes: views, parameters, every dtype (%s)',
    async (name) => {
      const weights = await open(openPyTorch, await file(name))
      const expected = await readSafetensors(`${FILES}sound.safetensors`)
      expect([...(weights?.keys() ?? [])].sort()).toEqual([...expected.keys()].sort())
      for (const [name, wanted] of expected) {
        const given = await weights?.get(name)?.read()
        expect(given?.dims, name).toEqual(wanted.dims)
        expect([...(given?.data ?? [])].map(Number), name).toEqual([...wanted.data].map(Number))
      }
      expect(weights?.get('transposed')?.location).toBeUndefined()
      expect(weights?.get('whole')?.location).toBeDefined()
    },
  )

  it('reads what Keras writes, with B-trees of several levels', async () => {
    const weights = await open(openTensorFlow, await file('sound.h5'))
    expect(weights?.size).toBe(301)
    expect(await weights?.get('a/kernel:0')?.read()).toEqual(tensor(values, [2, 3, 4]))
    expect(await weights?.get('b/bias_299:0')?.read()).toEqual(tensor(new Float32Array([299, -299]), [2]))
  })

  it('reads a tower without the bytes of the other', async () => {
    const bytes = await readFile(`${FILES}../originals/flax-vit-bert/flax_model.msgpack`)
    const { source, given } = await sourceOf({ 'flax_model.msgpack': bytes })
    const { weights } = await openWeights(source)
    const [opened, size] = [given.bytes, weights.get('text_projection.weight')?.shape]
    await weights.get('text_projection.weight')?.read()
    expect(size).toEqual([512, 40])
    expect(given.bytes - opened).toBe(512 * 40 * 4)
  })
})

describe.each([true, false])('over HTTP, ranges %s', (ranges) => {
  it.each(['flax-vit-bert', 'tf-vit-bert', 'pt-bin-vit-bert'])('reads %s', async (name) => {
    const server = createServer((request, response) => {
      readFile(`${FILES}../originals/${name}${request.url ?? ''}`).then(
        (bytes) => {
          const [start, end] = (/bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []).slice(1).map(Number)
          if (!ranges || start === undefined || end === undefined) return response.end(bytes)
          const last = Math.min(end, bytes.length - 1)
          response.writeHead(206, { 'content-range': `bytes ${start}-${last}/${bytes.length}` })
          return response.end(bytes.subarray(start, last + 1))
        },
        () => response.writeHead(404).end(),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, resolve))
    const { port } = server.address() as AddressInfo
    const { weights } = await openWeights(await openSource(`http://127.0.0.1:${port}`))
    const local = await openWeights(await openSource(`${FILES}../originals/${name}`))
    expect([...weights.keys()]).toEqual([...local.weights.keys()])
    const table = 'text_model.embeddings.word_embeddings.weight'
    expect(await weights.get(table)?.read()).toEqual(await local.weights.get(table)?.read())
    server.close()
  })
})

const KINDS: readonly [string, string, Open][] = [
  ['Flax', 'sound.msgpack', openFlax],
  ['PyTorch', 'sound.bin', openPyTorch],
  ['PyTorch before 1.6', 'sound-legacy.bin', openPyTorch],
  ['TensorFlow', 'sound.h5', openTensorFlow],
]

describe.each(KINDS)('%s files', (_, name, read) => {
  it('are refused wherever they are cut', async () => {
    const bytes = await file(name)
    const cuts = Array.from({ length: 40 }, (_, i) => Math.floor((i / 40) * bytes.length))
    for (const cut of [...cuts, bytes.length - 1])
      await expect(open(read, bytes.subarray(0, cut)), `cut at ${cut}`).rejects.toMatchObject({
        name: 'CheckpointError',
      })
  })

  it('give typed errors or tensors, and nothing else, when bytes are changed', async () => {
    const bytes = await file(name)
    for (let i = 0; i < 300; i++) {
      const changed = Uint8Array.from(bytes)
      const at = i < 200 ? i : Math.floor((i * 7919) % bytes.length)
      changed[at] = (changed[at] as number) ^ (1 << (i % 8))
      await open(read, changed).catch((error: unknown) =>
        expect(error, `byte ${at}`).toMatchObject({ name: 'CheckpointError' }),
      )
    }
  })
})

const utf8 = (text: string) => [...new TextEncoder().encode(text)]
const u32 = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff)
/** `{ w: ext(1, [[shape], dtype, bytes]) }` */
const msgpack = (shape: readonly number[], dtype: string, length: number, announced = length) => {
  const inner = [
    0x93,
    0x90 + shape.length,
    ...shape,
    0xa0 + dtype.length,
    ...utf8(dtype),
    0xc6,
    ...u32(announced),
    ...Array<number>(length).fill(0),
  ]
  return Uint8Array.from([0x81, 0xa1, 0x77, 0xc9, ...u32(inner.length), 1, ...inner])
}

const MAGIC = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]
/** A file of the form before torch 1.6 whose first pickle this is. */
const legacy = (pickle: readonly number[]) => Uint8Array.from([...MAGIC, ...pickle])
/** `[]`, forty times two of what was before, and a global by that name. */
const doubled = [0x5d, ...Array.from({ length: 40 }, () => [0x32, 0x86]).flat(), 0x4b, 1, 0x93, 0x2e]

describe('bad files', () => {
  it.each<[string, string, Open, () => Uint8Array | Promise<Uint8Array>]>([
    ['an extension that lies about its shape', 'bad-array', openFlax, () => msgpack([2, 3], 'float32', 8)],
    [
      'an extension that announces more than it holds',
      'truncated',
      openFlax,
      () => msgpack([2], 'float32', 8, 2 ** 31),
    ],
    ['an unknown dtype', 'bad-array', openFlax, () => msgpack([2], 'object', 8)],
    ['another extension type', 'bad-msgpack', openFlax, () => Uint8Array.from([0x81, 0xa1, 0x77, 0xd4, 42, 0])],
    [
      'maps nested 10,000 deep',
      'too-deep',
      openFlax,
      () => Uint8Array.from([...Array(10_000).fill([0x81, 0xa1, 0x61]).flat(), 0xc0]),
    ],
    ['arrays nested 10,000 deep', 'bad-msgpack', openFlax, () => new Uint8Array(10_000).fill(0x91)],
    [
      'an array of 2^32-1 values',
      'truncated',
      openFlax,
      () => Uint8Array.from([0x81, 0xa1, 0x77, 0xdd, 0xff, 0xff, 0xff, 0xff]),
    ],
    ['a map of 2^32-1 values', 'truncated', openFlax, () => Uint8Array.from([0xdf, 0xff, 0xff, 0xff, 0xff])],
    ['a name of 2^32-1 bytes', 'truncated', openFlax, () => Uint8Array.from([0x81, 0xdb, 0xff, 0xff, 0xff, 0xff])],
    ['trailing bytes', 'bad-msgpack', openFlax, () => Uint8Array.from([...msgpack([2], 'float32', 8), 0])],
    [
      'one name twice',
      'duplicate-names',
      openFlax,
      () => Uint8Array.from([0x82, ...msgpack([2], 'float32', 8).slice(1), ...msgpack([2], 'float32', 8).slice(1)]),
    ],
    ['nothing at all', 'truncated', openFlax, () => new Uint8Array()],
    ['a pickle that calls os.system', 'unsafe-pickle', openPyTorch, () => file('os-system.bin')],
    ['the like before torch 1.6', 'unsafe-pickle', openPyTorch, () => file('os-system-legacy.bin')],
    ['groups that lead to 16 million paths', 'bad-hdf5', openTensorFlow, () => file('doubled.h5')],
    ['a name made of lists that double forty times', 'bad-pickle', openPyTorch, () => legacy(doubled)],
    ['a Git LFS pointer', 'lfs-pointer', openPyTorch, () => new TextEncoder().encode('version https://git-lfs...')],
    ['a file that is no archive', 'bad-zip', openPyTorch, () => new Uint8Array(100)],
    ['a chunked dataset', 'unsupported-hdf5', openTensorFlow, () => file('chunked.h5')],
    ['a compressed dataset', 'unsupported-hdf5', openTensorFlow, () => file('gzip.h5')],
    ['a compact dataset', 'unsupported-hdf5', openTensorFlow, () => file('compact.h5')],
    ['the latest layout', 'unsupported-hdf5', openTensorFlow, () => file('latest.h5')],
    ['a file that is no HDF5', 'bad-hdf5', openTensorFlow, () => new Uint8Array(1000)],
  ])('%s: %s', async (_, code, read, bytes) => {
    await expect(open(read, await bytes())).rejects.toMatchObject({ name: 'CheckpointError', code })
  })

  it('names what a pickle asked for, and runs nothing', async () => {
    await expect(open(openPyTorch, await file('os-system.bin'))).rejects.toThrow(/(posix|os)\.system/)
    expect(existsSync('/tmp/dual-encoder-was-here')).toBe(false)
  })

  it.each([
    ['a missing file', 'missing-shard', { a: 'flax_model-00001-of-00002.msgpack' }],
    ['a file outside the folder', 'name-escapes', { a: '../secret.msgpack' }],
    ['a tensor that its file does not hold', 'bad-index', { b: 'there.msgpack' }],
    ['numbers', 'bad-index', { a: 1 }],
  ])('an index that names %s', async (_, code, map) => {
    const { source } = await sourceOf({
      'there.msgpack': msgpack([2], 'float32', 8),
      'flax_model.msgpack.index.json': new TextEncoder().encode(JSON.stringify({ weight_map: map })),
    })
    await expect(openWeights(source)).rejects.toMatchObject({ code })
  })

  it('keeps memory flat over a file of lies', async () => {
    const before = process.memoryUsage().rss
    for (const bytes of [
      msgpack([127, 127, 127, 127], 'float64', 8),
      Uint8Array.from([0x81, 0xa1, 0x77, 0xc6, 0xff, 0xff, 0xff, 0xff]),
    ])
      await expect(open(openFlax, bytes)).rejects.toMatchObject({ name: 'CheckpointError' })
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6)
  })
})
