import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtBin } from './bin'
import { cli, fixture, SAMPLES } from './cli'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-embed-'))
})
afterAll(() => rm(folder, { recursive: true }))

interface Row {
  id: string
  embedding: number[]
}
const linesOf = async (path: string): Promise<Row[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row)

describe('formats', () => {
  it('hold the same rows', async () => {
    for (const end of ['npy', 'parquet', 'jsonl'])
      expect(await cli('embed', SAMPLES, '--out', join(folder, `all.${end}`))).toMatchObject({ code: 0 })
    const rows = await linesOf(join(folder, 'all.jsonl'))
    const samples = (await readdir(SAMPLES)).sort().map((name) => join(SAMPLES, name))
    expect(rows.map(({ id }) => id)).toEqual(samples)
    expect(Math.hypot(...rows[0]!.embedding)).toBeCloseTo(1, 5)

    const file = await asyncBufferFromFile(join(folder, 'all.parquet'))
    expect(await parquetReadObjects({ file })).toEqual(rows)

    const npy = await readFile(join(folder, 'all.npy'))
    const start = 10 + npy.readUInt16LE(8)
    expect(start % 64).toBe(0)
    expect(npy.toString('latin1', 1, start)).toMatch(
      new RegExp(`NUMPY.*'<f4', 'fortran_order': False, 'shape': \\(${rows.length}, 128\\), } *\n$`, 's'),
    )
    expect([...new Float32Array(Uint8Array.from(npy.subarray(start)).buffer)]).toEqual(rows.flatMap((r) => r.embedding))
    expect(JSON.parse(await readFile(join(folder, 'all.ids.json'), 'utf8'))).toEqual(samples)
    expect((await readdir(folder)).filter((name) => /part|journal/.test(name))).toEqual([])
  })

  it('embeds the lines of a file', async () => {
    await writeFile(join(folder, 'texts.txt'), 'a dog\n\na slice of pizza\n')
    const out = join(folder, 'texts.jsonl')
    expect(await cli('embed', '--texts', join(folder, 'texts.txt'), '--out', out)).toMatchObject({ code: 0 })
    expect((await linesOf(out)).map(({ id }) => id)).toEqual(['a dog', 'a slice of pizza'])
  })

  it.each([
    [['embed', SAMPLES, '--out', 'x.csv'], 'bad-format'],
    [['embed', '--out', 'x.npy'], 'no-inputs'],
    [['embed', SAMPLES, '--texts', 'x', '--out', 'x.npy'], 'no-inputs'],
  ])('%j fails', async (args, code) => {
    expect(await cli(...args)).toMatchObject({ code: 1, err: expect.stringContaining(code) as string })
  })
})

describe('an interrupted run', () => {
  let pictures: string
  let bin: string
  beforeAll(async () => {
    bin = await builtBin('embed')
    pictures = join(folder, 'pictures')
    for (let i = 0; i < 12; i++) await cp(SAMPLES, join(pictures, String(i)), { recursive: true })
  }, 60_000)

  /** Runs the program, and sends it a signal when part of the work is done. */
  async function interrupted(out: string, signal: NodeJS.Signals) {
    const args = [bin, 'embed', pictures, '--out', out, '--batch-size', '2']
    const env = { ...process.env, DUAL_ENCODER_MODEL: fixture('models/emoji-vit-bert') }
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env })
    const ended = once(child, 'close') as Promise<[number | null]>
    while ((await stat(`${out}.journal`).catch(() => undefined))?.size === undefined || (await sizeOf(out)) < 20_000)
      await new Promise((done) => setTimeout(done, 5))
    child.kill(signal)
    return (await ended)[0]
  }
  const sizeOf = async (out: string) => (await stat(`${out}.journal`)).size

  it.each(['SIGINT', 'SIGKILL'] as const)('by %s leaves nothing half-written, and goes on', async (signal) => {
    const out = join(folder, `${signal}.jsonl`)
    expect(await interrupted(out, signal)).toBe(signal === 'SIGINT' ? 130 : null)
    expect(existsSync(out)).toBe(false)
    // What a kill in the middle of a write leaves.
    await appendFile(`${out}.journal`, '{"key":"half')
    const { code, err } = await cli('embed', pictures, '--out', out)
    expect(code).toBe(0)
    const before = Number(/(\d+) of \d+ were done before/.exec(err)?.[1])
    expect(before).toBeGreaterThan(10)
    const rows = await linesOf(out)
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
    const once = join(folder, 'once.jsonl')
    await cli('embed', pictures, '--out', once)
    const wanted = await linesOf(once)
    expect(rows.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id))
    const differences = rows.flatMap(({ embedding }, i) => embedding.map((x, d) => x - wanted[i]!.embedding[d]!))
    expect(Math.max(...differences.map(Math.abs))).toBeLessThan(1e-5)
    expect(existsSync(`${out}.journal`)).toBe(false)
  })

  it('is not gone on with by another model', async () => {
    const out = join(folder, 'other.jsonl')
    await writeFile(`${out}.journal`, `${JSON.stringify({ fingerprint: { image: [1, 0], text: [0, 1] } })}\n`)
    const { code, err } = await cli('embed', SAMPLES, '--out', out)
    expect(code).toBe(1)
    expect(err).toContain('wrong-model')
  })
})
