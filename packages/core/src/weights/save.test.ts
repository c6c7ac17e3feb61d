import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CheckpointError } from '../base/errors'
import { type Tensor, tensor } from '../base/tensor'
import { openWeights } from './open'
import { readSafetensors } from './safetensors/read'
import { STORAGE_OF } from './safetensors/dtypes'
import { saveWeights, type SaveWeightsOptions } from './save'
import { openSource } from '../files/source'
import { openTarget, type TargetLike } from '../files/target'
import type { WeightEntry } from './entry'

const folder = () => mkdtemp(join(tmpdir(), 'dual-encoder-'))
const INDEX = 'model.safetensors.index.json'

const entry = (name: string, value: Tensor): WeightEntry => ({
  name,
  shape: value.dims,
  storage: STORAGE_OF[value.dtype],
  read: () => Promise.resolve(value),
})

const save = async (target: TargetLike, weights: readonly WeightEntry[], options: Partial<SaveWeightsOptions> = {}) =>
  saveWeights(await openTarget(target), weights, { dtype: 'float32', metadata: { format: 'pt' }, ...options })

/** `n` tensors of 40 bytes, each full of its number. */
const several = (n: number) =>
  Array.from({ length: n }, (_, i) => entry(`w${i}`, tensor(new Float32Array(10).fill(i), [10])))

async function loaded(path: string): Promise<Map<string, unknown>> {
  const { weights } = await openWeights(await openSource(path))
  const values = new Map<string, unknown>()
  for (const [name, weight] of weights) values.set(name, (await weight.read()).data[0])
  return values
}

const numbered = (n: number) => new Map(Array.from({ length: n }, (_, i) => [`w${i}`, i]))

describe('files', () => {
  it('one, with the metadata that Python asks for', async () => {
    const path = join(await folder(), 'new/folder')
    await save(path, several(3))
    expect(await readdir(path)).toEqual(['model.safetensors'])
    expect(await loaded(path)).toEqual(numbered(3))
    expect((await readFile(`${path}/model.safetensors`)).toString('latin1', 8, 43)).toBe(
      '{"__metadata__":{"format":"pt"},"w0',
    )
  })

  it('shards and an index, named and sorted as Python does', async () => {
    const path = await folder()
    await save(path, several(12).reverse(), { maxShardSize: 200 })
    expect((await readdir(path)).sort()).toEqual([
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
      INDEX,
    ])
    const text = await readFile(join(path, INDEX), 'utf8')
    const index = JSON.parse(text) as { metadata: object; weight_map: Record<string, string> }
    expect(index.metadata).toEqual({ total_parameters: 120, total_size: 480 })
    expect(Object.keys(index.weight_map)).toEqual([...numbered(12).keys()].sort())
    expect(index.weight_map.w11).toBe('model-00001-of-00003.safetensors')
    expect(text.endsWith('}\n')).toBe(true)
    const found = await loaded(path)
    expect(new Map([...found].sort())).toEqual(new Map([...numbered(12)].sort()))
  })

  it('a tensor larger than a shard gets one of its own', async () => {
    const path = await folder()
    await save(path, several(2), { maxShardSize: 1 })
    expect((await readdir(path)).length).toBe(3)
    expect(await loaded(path)).toEqual(numbered(2))
  })
})

describe('over what is being read', () => {
  it.each([
    ['one file over one', undefined, undefined],
    ['shards over one file', undefined, 80],
    ['one file over shards', 80, undefined],
    ['shards over as many shards that hold other tensors', 80, 80],
    ['shards over other shards', 80, 120],
  ])('%s', async (_what, before, after) => {
    const path = await folder()
    await save(path, several(6), { maxShardSize: before })
    const { weights } = await openWeights(await openSource(path))
    // In the opposite order, so that each shard's tensors come from another one.
    await save(path, [...weights.values()].reverse(), { maxShardSize: after })
    expect(new Map([...(await loaded(path))].sort())).toEqual(numbered(6))
    expect((await readdir(path)).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  it('an earlier save does not come back', async () => {
    const path = await folder()
    await save(path, [entry('old', tensor([1], [1]))])
    await save(path, several(4), { maxShardSize: 80 })
    expect(await loaded(path)).toEqual(numbered(4))
    await save(path, several(2))
    expect(await loaded(path)).toEqual(numbered(2))
    expect(await readdir(path)).not.toContain(INDEX)
  })

  it('no other format and no other shard comes back', async () => {
    const path = await folder()
    const others = ['pytorch_model.bin', 'flax_model.msgpack', 'tf_model.h5', 'model-00001-of-00009.safetensors']
    for (const name of others) await writeFile(join(path, name), 'another')
    for (const name of [
      INDEX,
      'pytorch_model.bin.index.json',
      'flax_model.msgpack.index.json',
      'tf_model.h5.index.json',
    ])
      await writeFile(join(path, name), JSON.stringify({ weight_map: { w0: 'model-00001-of-00009.safetensors' } }))
    for (const maxShardSize of [undefined, 80]) {
      await save(path, several(4), { maxShardSize })
      expect(new Map([...(await loaded(path))].sort())).toEqual(numbered(4))
    }
  })

  it('a save that fails leaves every old file whole, and nothing beside them', async () => {
    const path = await folder()
    await save(path, several(6), { maxShardSize: 80 })
    const before = await folder()
    await cp(path, before, { recursive: true })
    const broken = {
      ...(several(1)[0] as WeightEntry),
      name: 'x',
      read: () => Promise.reject(new Error('read failed')),
    }
    // The last shard fails; those before it hold other values under the same names.
    const others = several(6)
      .slice(1)
      .map((weight, i) => ({ ...weight, name: `w${i}` }))
    await expect(save(path, [...others, broken], { maxShardSize: 80 })).rejects.toThrow('read failed')
    expect((await readdir(path)).sort()).toEqual((await readdir(before)).sort())
    for (const name of await readdir(path))
      expect((await readFile(join(path, name))).equals(await readFile(join(before, name))), name).toBe(true)
  })
})

describe('dtypes', () => {
  it.each([
    ['float32', 4],
    ['float16', 2],
    ['bfloat16', 2],
  ] as const)('%s: floats of every width become it, integers stay', async (dtype, bytes) => {
    const path = await folder()
    const weights = [
      entry('double', tensor(new Float64Array([0.5, -2]), [2])),
      entry('single', tensor([0.5, -2], [2])),
      entry('ids', tensor([1, 70_000], [2], 'int64')),
    ]
    await save(path, weights, { dtype })
    const tensors = await readSafetensors(join(path, 'model.safetensors'))
    expect(tensors.get('double')).toEqual(tensor([0.5, -2], [2]))
    expect(tensors.get('single')).toEqual(tensor([0.5, -2], [2]))
    expect(tensors.get('ids')).toEqual(tensor([1, 70_000], [2], 'int64'))
    const { size } = await stat(join(path, 'model.safetensors'))
    const header = Number((await readFile(join(path, 'model.safetensors'))).readBigUInt64LE())
    expect(size).toBe(8 + header + 16 + 4 * bytes)
  })

  it.each([
    ['float16', new Float32Array([1, 70_000, -1e30]), 2],
    ['bfloat16', new Float32Array([1, 3.4e38]), 1],
    ['float32', new Float64Array([1e300, Infinity]), 1],
  ] as const)('%s: values that overflow are counted and named', async (dtype, data, count) => {
    const path = await folder()
    const error: unknown = await save(
      path,
      [
        entry(
          'large',
          tensor<'float32' | 'float64'>(data, [data.length], data instanceof Float64Array ? 'float64' : 'float32'),
        ),
      ],
      { dtype },
    ).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(CheckpointError)
    expect(error).toMatchObject({ code: 'overflow' })
    expect((error as Error).message).toMatch(new RegExp(`^${count} values? of "large"`))
    expect(await readdir(path)).toEqual([])
  })

  it.each([
    ['bad-dtype', { dtype: 'float8' }],
    ['bad-shard-size', { maxShardSize: 0 }],
    ['bad-shard-size', { maxShardSize: NaN }],
    ['bad-shard-size', { maxShardSize: '5GB' }],
  ])('%s for %o', async (code, options) => {
    await expect(save(await folder(), several(1), options as Partial<SaveWeightsOptions>)).rejects.toMatchObject({
      code,
    })
  })
})

describe('targets', () => {
  it('a writer receives names and bytes, one tensor at a time', async () => {
    const path = await folder()
    const chunks: number[] = []
    await save(
      {
        async write(name, given) {
          const file: Uint8Array[] = []
          for await (const chunk of given) file.push(chunk.slice())
          chunks.push(file.length)
          await writeFile(join(path, name), Buffer.concat(file))
        },
      },
      several(6),
      { maxShardSize: 120 },
    )
    expect(chunks).toEqual([4, 4, 1])
    expect(await loaded(path)).toEqual(numbered(6))
  })

  it.each(['../x', '/x', 'a\\..\\..\\x', ''])('refuse to write %j', async (name) => {
    const target = await openTarget(await folder())
    await expect((async () => target.write(name, []))()).rejects.toMatchObject({ code: 'name-escapes' })
  })

  it.each([undefined, 5, {}, null])('cannot be %o', async (target) => {
    await expect(openTarget(target as TargetLike)).rejects.toMatchObject({ code: 'bad-target' })
  })

  it('that cannot be written are typed errors', async () => {
    const path = await folder()
    await writeFile(join(path, 'file'), '')
    await expect(save(join(path, 'file'), several(1))).rejects.toMatchObject({
      name: 'SourceError',
      code: 'not-writable',
    })
    await mkdir(join(path, 'model.safetensors'))
    await expect(save(path, several(1))).rejects.toMatchObject({ name: 'SourceError', code: 'not-writable' })
    expect((await readdir(path)).sort()).toEqual(['file', 'model.safetensors'])
    await rm(path, { recursive: true })
  })
})
