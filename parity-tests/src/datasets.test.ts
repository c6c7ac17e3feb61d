import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { loadImage } from '@dual-encoder/core'
import { huggingFaceData, parquetData, type Sample, type StreamedData, webDataset } from '@dual-encoder/train'
import { describe, expect, it } from 'vitest'

const FOLDER = resolve(import.meta.dirname, '../fixtures/datasets')
const captions = (n: number) => [`picture ${n}`, `bild ${n} ü`]

/** Everything of an epoch: samples with the number that their picture says, and what was bad. */
async function epochOf(data: unknown, seed = 0, epoch = 0) {
  const samples: { number: number; sample: Sample }[] = []
  const bad: string[] = []
  for await (const sample of (data as StreamedData).stream(seed, epoch)) {
    if ('error' in sample) bad.push(`${sample.key}: ${sample.error.message}`)
    else samples.push({ number: (await loadImage(sample.image!)).data[0]! / 20, sample })
  }
  return { samples, bad, numbers: samples.map(({ number }) => number) }
}

describe("Parquet as Hugging Face's datasets writes it", () => {
  it('gives pictures, captions and groups, and names rows without a caption', async () => {
    const { samples, bad } = await epochOf(await huggingFaceData(`${FOLDER}/parquet`))
    expect(samples.map(({ number }) => number).sort()).toEqual([0, 1, 2, 3, 5, 6, 7])
    for (const { number, sample } of samples) {
      expect(sample.text).toEqual(captions(number))
      expect(sample.group).toBe(String(number % 2))
    }
    expect(bad).toEqual([
      'data/train-00000-of-00002.parquet row 4: data/train-00000-of-00002.parquet row 4 has no caption.',
    ])
  })

  it('has splits', async () => {
    const test = await huggingFaceData(`${FOLDER}/parquet`, { split: 'test' })
    expect((await epochOf(test)).numbers.sort()).toEqual([8, 9])
    await expect(huggingFaceData(`${FOLDER}/parquet`, { split: 'validation' })).rejects.toThrow(
      /no Parquet file .* for split "validation"\. It has: data\/test-00000-of-00001\.parquet/,
    )
  })

  it('is read from a source that cannot list, and that knows no sizes', async () => {
    const reader = { read: (name: string) => readFile(`${FOLDER}/parquet/${name}`) }
    const files = ['data/test-00000-of-00001.parquet']
    const data = await parquetData(reader, { files, columns: { image: 'image', text: ['captions'] } })
    expect((await epochOf(data)).numbers.sort()).toEqual([8, 9])
    await expect(parquetData(reader, { files, columns: { text: 'words' } })).rejects.toThrow(
      /no column "words"\. It has: image, captions, group/,
    )
  })
})

describe('WebDataset', () => {
  const all = [0, 1, 2, 3, 4, 5, 6, 7, 8]

  it("reads Python's tars: ustar, GNU, pax and gzipped", async () => {
    const { samples, numbers, bad } = await epochOf(await webDataset(`${FOLDER}/tar`, { shuffleBuffer: 1 }))
    expect(numbers).toEqual(all)
    expect(bad).toEqual([])
    for (const { number, sample } of samples) expect(sample.text).toEqual(captions(number))
    expect(samples[3]!.sample.key).toMatch(/^01\.tar\/(a-folder-with-a-name-that-is-long\/){4}0003$/)
  })

  it('shuffles by seed and epoch, and loses nothing', async () => {
    const data = await webDataset(`${FOLDER}/tar`, { shards: ['{00..02}.tar', '03.tar.gz'], shuffleBuffer: 4 })
    const runs = [
      [1, 0],
      [1, 0],
      [1, 1],
      [2, 0],
    ]
    const orders = await Promise.all(runs.map(async ([seed, epoch]) => (await epochOf(data, seed, epoch)).numbers))
    for (const order of orders) expect(order.toSorted()).toEqual(all)
    expect(orders[0]).toEqual(orders[1])
    expect(new Set(orders.map(String)).size).toBe(3)
  })

  it('survives a tar that is cut in the middle, one that is none, and one that is not there', async () => {
    const read = async (name: string) => {
      const bytes = await readFile(`${FOLDER}/tar/${name}`).catch(() => undefined)
      if (name === '00.tar') return bytes?.subarray(0, 1540)
      return name === '01.tar' ? new Uint8Array(2048).fill(1) : bytes
    }
    const data = await webDataset({ read }, { shards: '{00,01,02,04}.tar', shuffleBuffer: 1 })
    const { numbers, bad } = await epochOf(data)
    expect(numbers).toEqual([5, 6])
    expect(bad).toEqual([
      expect.stringMatching(/^00\.tar: 00\.tar ends too early, at byte 1540/),
      expect.stringMatching(/^01\.tar: 01\.tar: there is no tar header at byte 0/),
      expect.stringMatching(/^04\.tar: There is no 04\.tar/),
    ])
  })
})
