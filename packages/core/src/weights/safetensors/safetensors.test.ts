import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { CheckpointError } from '../../base/errors'
import { type Tensor, tensor } from '../../base/tensor'
import { openSource } from '../../files/source'
import { decode, encode } from './dtypes'
import { openSafetensors, readSafetensors } from './read'
import { safetensorsChunks, writeSafetensors } from './write'

const PYTHON = fileURLToPath(
  new URL('../../../../../parity-tests/fixtures/safetensors/every-dtype.safetensors', import.meta.url),
)

/** A file of this header (text or its bytes) and this much data. */
function fileOf(header: string | Uint8Array | object, data = 0, claimed?: bigint): Uint8Array {
  const text = header instanceof Uint8Array ? header : typeof header === 'string' ? header : JSON.stringify(header)
  const json = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const bytes = new Uint8Array(8 + json.length + data)
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

const f32 = (shape: unknown, ...offsets: unknown[]) => ({ dtype: 'F32', shape, data_offsets: offsets })

describe('beside Python', () => {
  it('writes the same bytes', async () => {
    const python = await readFile(PYTHON)
    const opened = await openSafetensors(await openSource(join(PYTHON, '..')), 'every-dtype.safetensors')
    const chunks: Uint8Array[] = []
    // Given in another order than the file's.
    const entries = [...(opened?.weights.values() ?? [])].reverse()
    for await (const chunk of safetensorsChunks(entries, opened?.metadata ?? {})) chunks.push(chunk)
    expect(Buffer.concat(chunks).equals(python)).toBe(true)
  })

  it('reads every dtype, half precision as float32', async () => {
    const tensors = await readSafetensors(PYTHON)
    const read = (name: string) => tensors.get(name) as Tensor
    expect(tensors.size).toBe(18)
    for (const [name, { dims, dtype, data }] of [...tensors].filter(([name]) => /^\d\./.test(name))) {
      expect(`${dtype}`, name).toBe(name.slice(2))
      expect(dims, name).toEqual([2, 3])
      expect([...data].map(Number), name).toEqual(dtype === 'bool' ? [0, 1, 1, 1, 1, 1] : [0, 1, 2, 3, 100, 127])
    }
    expect(read('scalar')).toEqual(tensor(new Float32Array([2.5]), []))
    expect(read('empty')).toEqual(tensor(new Float32Array(), [0, 4]))
    expect(read('Größe')).toEqual(tensor(new Float32Array([1, 1]), [2]))
    expect(read('float16').data).toEqual(read('float16 widened').data)
    expect(read('bfloat16').data).toEqual(read('bfloat16 widened').data)
  })

  it.each([
    ['F16', 'float16'],
    ['BF16', 'bfloat16'],
  ] as const)('rounds to %s as torch does', async (storage, name) => {
    const tensors = await readSafetensors(PYTHON)
    const { bytes, overflow } = encode(tensors.get('floats') as Tensor, storage)
    const wanted = tensors.get(`${name} widened`)?.data as Float32Array
    expect(decode(bytes, storage, [wanted.length]).data).toEqual(wanted)
    const finite = [...((tensors.get('floats') as Tensor).data as Float32Array)].map(Number.isFinite)
    expect(overflow).toBe([...wanted].filter((value, i) => finite[i] && !Number.isFinite(value)).length)
  })
})

describe('a file that lies', () => {
  const lies: [what: string, code: string, file: Uint8Array][] = [
    ['is empty', 'truncated', new Uint8Array()],
    ['ends inside the length', 'truncated', new Uint8Array(7)],
    ['is a Git LFS pointer', 'lfs-pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n')],
    ['has a header beyond its end', 'truncated', fileOf('{}', 0, 3n)],
    ['has a header over 100 MB', 'header-too-large', fileOf('{}', 0, 100_000_001n)],
    ['has a header of 2^64 - 1 bytes', 'header-too-large', fileOf('{}', 0, 2n ** 64n - 1n)],
    ['has no JSON', 'bad-header', fileOf('{"a":')],
    ['has no object', 'bad-header', fileOf('[]')],
    ['has no UTF-8', 'bad-header', fileOf(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))],
    ['has a tensor that is a number', 'bad-header', fileOf({ a: 1 })],
    ['has metadata that is no object', 'bad-header', fileOf({ __metadata__: 'pt' })],
    ['has metadata of numbers', 'bad-header', fileOf({ __metadata__: { format: 1 } })],
    [
      'names a tensor twice',
      'duplicate-names',
      fileOf(`{"a":${JSON.stringify(f32([1], 0, 4))},"a":${JSON.stringify(f32([1], 0, 4))}}`, 4),
    ],
    [
      'names it twice by an escape',
      'duplicate-names',
      fileOf(`{"a":${JSON.stringify(f32([1], 0, 4))},"\\u0061" :${JSON.stringify(f32([1], 0, 4))}}`, 4),
    ],
    [
      'names it twice with much space behind',
      'duplicate-names',
      fileOf(`{"a":${JSON.stringify(f32([1], 0, 4))},"a"${' '.repeat(99)}:${JSON.stringify(f32([1], 0, 4))}}`, 4),
    ],
    ['has a name of 20 MB', 'bad-header', fileOf(`{"${'a\\\\'.repeat(7e6)}":1}`)],
    [
      'gives two shapes',
      'duplicate-names',
      fileOf('{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}', 4),
    ],
    ['has an unknown dtype', 'bad-dtype', fileOf({ a: { dtype: 'F31', shape: [1], data_offsets: [0, 4] } }, 4)],
    [
      'has a dtype of the prototype',
      'bad-dtype',
      fileOf({ a: { dtype: 'toString', shape: [1], data_offsets: [0, 4] } }, 4),
    ],
    ['nests a dtype 100,000 deep', 'bad-dtype', fileOf(`{"a":{"dtype":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`)],
    ['has no shape', 'bad-shape', fileOf({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4)],
    ['has a negative size', 'bad-shape', fileOf({ a: f32([-1], 0, 4) }, 4)],
    ['has half a size', 'bad-shape', fileOf({ a: f32([0.5], 0, 2) }, 2)],
    ['has a size as text', 'bad-shape', fileOf({ a: f32(['1'], 0, 4) }, 4)],
    ['has a size beyond 2^53', 'bad-shape', fileOf({ a: f32([2 ** 53], 0, 4) }, 4)],
    ['has sizes whose product is beyond 2^53', 'bad-shape', fileOf({ a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4)],
    ['has sizes whose product is beyond a double', 'bad-shape', fileOf({ a: f32(Array(40).fill(2 ** 52), 0, 4) }, 4)],
    ['has a shape that does not match its bytes', 'shape-mismatch', fileOf({ a: f32([2], 0, 4) }, 4)],
    ['has one offset', 'bad-offsets', fileOf({ a: f32([1], 0) }, 4)],
    ['has a negative offset', 'bad-offsets', fileOf({ a: f32([1], -4, 0) }, 4)],
    ['has an offset beyond 2^53', 'bad-offsets', fileOf({ a: f32([1], 0, 2 ** 60) }, 4)],
    ['ends a tensor before its start', 'bad-offsets', fileOf({ a: f32([1], 4, 0) }, 4)],
    ['has overlapping tensors', 'overlapping-offsets', fileOf({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8)],
    ['has two tensors at one place', 'overlapping-offsets', fileOf({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4)],
    ['has bytes between tensors', 'gap-in-offsets', fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12)],
    ['has bytes before its tensors', 'gap-in-offsets', fileOf({ a: f32([1], 4, 8) }, 8)],
    ['has bytes behind its tensors', 'trailing-bytes', fileOf({ a: f32([1], 0, 4) }, 5)],
    ['ends inside a tensor', 'truncated', fileOf({ a: f32([2], 0, 8) }, 7)],
    ['claims a tensor of 4 TB', 'truncated', fileOf({ a: f32([2 ** 40], 0, 2 ** 42) }, 4)],
  ]

  it.each(lies)('%s: %s, whatever it comes from', async (_what, code, file) => {
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
    await writeFile(join(folder, 'lies.safetensors'), file)
    let largest = 0
    const reader = {
      read: (_name: string, [start, end]: readonly [number, number] = [0, file.length]) => {
        largest = Math.max(largest, Math.min(end, file.length) - start)
        return Promise.resolve(file.subarray(start, end))
      },
    }
    const refused = async (read: Promise<unknown>) => {
      const error: unknown = await read.catch((error: unknown) => error)
      expect(error).toBeInstanceOf(CheckpointError)
      expect(error).toMatchObject({ code })
      expect((error as Error).message).toMatch(/lies\.safetensors|given bytes/)
    }
    await refused(readSafetensors(file))
    await refused(readSafetensors(join(folder, 'lies.safetensors')))
    await refused(
      openSafetensors(
        await openSource([new File([file as Uint8Array<ArrayBuffer>], 'lies.safetensors')]),
        'lies.safetensors',
      ),
    )
    // A plain reader does not tell sizes: what lies behind the end is found when it is read.
    const opened = openSource(reader).then((source) => openSafetensors(source, 'lies.safetensors'))
    if (code === 'trailing-bytes') await opened
    else
      await refused(
        opened.then((found) => Promise.all([...(found?.weights.values() ?? [])].map((entry) => entry.read()))),
      )
    expect(largest).toBeLessThanOrEqual(file.length)
  })
})

describe('sound files', () => {
  it('takes tensors out of order, empty ones, and names that objects treat specially', async () => {
    const file = fileOf(
      `{"b":${JSON.stringify(f32([1], 4, 8))},"__proto__":${JSON.stringify(f32([0], 4, 4))},"1":${JSON.stringify(f32([1], 0, 4))}}`,
      8,
    )
    new DataView(file.buffer).setFloat32(file.length - 4, 3, true)
    const tensors = await readSafetensors(file)
    expect(tensors.get('b')?.data[0]).toBe(3)
    expect(tensors.get('__proto__')?.dims).toEqual([0])
    expect(await readSafetensors(writeSafetensors(tensors))).toEqual(tensors)
  })

  it('copies tensors that do not lie on a multiple of their size', async () => {
    const file = fileOf({ a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] }, b: f32([1], 1, 5) }, 5)
    new DataView(file.buffer).setFloat32(file.length - 4, 0.1, true)
    expect((await readSafetensors(file)).get('b')?.data).toEqual(new Float32Array([0.1]))
  })

  it('is read by path and by URL, with signs that URLs encode', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'dual-encoder-')), '50% ä#?.safetensors')
    const tensors = new Map([['x', tensor([1, 2], [2])]])
    await writeFile(path, writeSafetensors(tensors))
    expect(await readSafetensors(path)).toEqual(tensors)
    expect(await readSafetensors(pathToFileURL(path))).toEqual(tensors)
    expect(await readSafetensors(pathToFileURL(path).href)).toEqual(tensors)
    await expect(readSafetensors(`${path}x`)).rejects.toMatchObject({ code: 'source-not-found' })
  })

  it('is written from a map, an object or pairs', () => {
    const x = tensor([1, 2], [2])
    const bytes = writeSafetensors({ x }, { format: 'pt' })
    expect(writeSafetensors(new Map([['x', x]]), { format: 'pt' })).toEqual(bytes)
    expect(writeSafetensors([['x', x]], { format: 'pt' })).toEqual(bytes)
    expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0)
  })

  it('refuse a dtype that there is not, inherited names too', () => {
    for (const dtype of ['constructor', 'float8', undefined])
      expect(() => writeSafetensors({ x: { dims: [1], dtype: dtype as 'float32', data: Float32Array.of(1) } })).toThrow(
        expect.objectContaining({ code: 'tensor-dtype', message: expect.stringContaining('float32') as string }),
      )
  })

  it.each([
    [
      'duplicate-names',
      [
        ['x', tensor([1], [1])],
        ['x', tensor([2], [1])],
      ],
    ],
    ['duplicate-names', [['__metadata__', tensor([1], [1])]]],
    ['wrong-size', [['x', { dims: [3], dtype: 'float32', data: new Float32Array(2) }]]],
  ] as const)('is not written with %s', (code, tensors) => {
    expect(() => writeSafetensors(tensors as Iterable<readonly [string, Tensor]>)).toThrow(
      expect.objectContaining({ code }),
    )
  })

  it('is told to be replaced while it is being read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
    const write = (names: string[]) =>
      writeFile(
        join(folder, 'x.safetensors'),
        writeSafetensors(names.map((name, i) => [name, tensor([i], [1])] as const)),
      )
    await write(['a', 'b'])
    const opened = await openSafetensors(await openSource(folder), 'x.safetensors')
    await write(['b', 'c'])
    await expect(opened?.weights.get('b')?.read()).rejects.toMatchObject({ code: 'file-changed' })
    // The same layout again is the same checkpoint, newer values and all.
    await write(['a', 'b'])
    expect((await opened?.weights.get('b')?.read())?.data[0]).toBe(1)
  })
})
