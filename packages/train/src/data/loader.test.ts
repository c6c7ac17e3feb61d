import { type RawImage, tensor } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'
import { horizontalFlip, randomResizedCrop } from '../augment/geometry'
import { sometimes } from '../augment/augment'
import { type Batch, DataLoader, type LoaderOptions } from './loader'
import type { BatchProcessor } from './sides'
import type { BadSample, Sample, StreamedData } from './sample'
import { shardedData } from './shards'

/** A picture whose colour is its number. */
const picture = (n: number): RawImage => ({
  data: Uint8Array.from({ length: 6 * 4 * 3 }, (_, i) => (n * 7 + i) % 256),
  width: 6,
  height: 4,
  channels: 3,
})
const samples = (count: number): Sample[] =>
  Array.from({ length: count }, (_, n) => ({
    key: `s${n}`,
    image: picture(n),
    text: [`first of ${n}`, `second of ${n}`],
    group: n % 5,
  }))

/** Texts become their lengths, pictures their first value. */
const processor: BatchProcessor = async (inputs) => {
  if ('images' in inputs) {
    const { images } = inputs
    const firsts = Float32Array.from(images, ({ data }) => data[0]!)
    return { pixelValues: tensor(firsts, [images.length, 1]) }
  }
  const lengths = BigInt64Array.from(inputs.text, (words) => BigInt(words.length))
  const ids = tensor(lengths, [inputs.text.length, 1])
  return { inputIds: ids, attentionMask: ids }
}

async function take(loader: DataLoader, count = Infinity): Promise<Batch[]> {
  const batches: Batch[] = []
  for await (const batch of loader) {
    batches.push(batch)
    if (batches.length === count) break
  }
  return batches
}
const load = (data: ConstructorParameters<typeof DataLoader>[0], options: Partial<LoaderOptions> = {}) =>
  new DataLoader(data, processor, { batchSize: 4, epochs: 1, ...options })

/** Two shards; what is named is bad. */
const stream = (bad: readonly number[] = []): StreamedData =>
  shardedData(
    [0, 10].map((from) => ({
      name: `shard ${from}`,
      async *read(): AsyncGenerator<Sample | BadSample> {
        for (const [i, sample] of samples(20)
          .slice(from, from + 10)
          .entries())
          yield bad.includes(from + i) ? { key: sample.key!, error: new Error('torn') } : sample
      },
    })),
    { shuffleBuffer: 5 },
  )

describe('the loader', () => {
  it('gives every sample once an epoch, in another order each', async () => {
    const batches = await take(load(samples(12), { epochs: 2 }))
    expect(batches.map(({ epoch, index }) => [epoch, index])).toEqual(
      [0, 1].flatMap((e) => [0, 1, 2].map((i) => [e, i])),
    )
    const orders = [0, 3].map((at) => batches.slice(at, at + 3).flatMap((batch) => batch.samples))
    for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual([...Array(12).keys()])
    expect(orders[0]).not.toEqual(orders[1])
    for (const { keys, texts, samples: numbers } of batches) {
      expect(keys).toEqual(numbers.map((n) => `s${n}`))
      texts.forEach((text, i) => expect(text).toMatch(new RegExp(`^(first|second) of ${numbers[i]}$`)))
    }
    // Either caption has its turn.
    expect(new Set(batches.flatMap(({ texts }) => texts.map((text) => text.split(' ')[0]))).size).toBe(2)
  })

  it.each([
    ['indexed data', () => samples(23)],
    ['a stream', () => stream([3, 17])],
  ])('goes on from its state as if it had never stopped: %s', async (_, data) => {
    const augment = [randomResizedCrop({ scale: [0.3, 1] }), sometimes(0.5, horizontalFlip)]
    const options = { epochs: 3, seed: 5, augment }
    const whole = await take(load(data(), options))
    expect(whole.length).toBeGreaterThan(11)
    for (const stop of [1, 4, 5, 7, whole.length - 1]) {
      const first = load(data(), options)
      const before = await take(first, stop)
      const state = JSON.parse(JSON.stringify(first.state))
      const second = load(data(), { ...options, state })
      expect([...before, ...(await take(second))]).toEqual(whole)
      const reference = load(data(), options)
      await take(reference)
      expect(second.state).toEqual(reference.state)
    }
  })

  it('leaves out what is bad, counts it and names it', async () => {
    const data = samples(8).map((sample, n) =>
      n === 2 ? { ...sample, text: '  ' } : n === 5 ? { ...sample, image: new Uint8Array([1, 2, 3]) } : sample,
    )
    const heard: string[] = []
    const loader = load(data, { sampler: 'sequential', onBad: ({ key }) => heard.push(key) })
    const batches = await take(loader)
    expect(batches.map((batch) => batch.samples)).toEqual([
      [0, 1, 3],
      [4, 6, 7],
    ])
    expect(batches[0]!.positives).toHaveLength(9)
    expect(heard).toEqual(['s2', 's5'])
    expect(loader.state.bad.count).toBe(2)
    expect(loader.state.bad.names[0]).toBe('s2: s2 has no caption.')
    await expect(take(load(data, { sampler: 'sequential', bad: 'error' }))).rejects.toThrow('s2 has no caption')
  })

  it('stops where too much is bad', async () => {
    const data = samples(200).map((sample, n) => (n % 3 === 0 ? sample : { ...sample, text: '' }))
    await expect(take(load(data))).rejects.toThrow(/\d+ of \d+ samples cannot be used\. The first: s\d+: /)
    expect((await take(load(data, { maxBad: 0.9 }))).length).toBeGreaterThan(20)
  })

  it('makes batches ready while others are used, and no more than it was told', async () => {
    let begun = 0
    const data = { length: 100, get: (i: number) => (begun++, samples(100)[i]!) }
    const iterator = load(data, { batchSize: 10, ahead: 2 })[Symbol.asyncIterator]()
    await iterator.next()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(begun).toBe(40)
    await iterator.return(undefined)
  })

  it('keeps duplicates apart', async () => {
    const data = Array.from({ length: 40 }, (_, n): Sample => ({
      key: `p${n >> 1}`,
      image: picture(n),
      text: `t${n % 15}`,
    }))
    const batches = await take(load(data, { sampler: 'no-duplicates', batchSize: 8 }))
    expect(batches.length).toBeGreaterThan(2)
    for (const { keys, texts, positives } of batches) {
      expect(new Set(keys).size).toBe(8)
      expect(new Set(texts).size).toBe(8)
      expect(positives.reduce((a, b) => a + b)).toBe(8)
    }
    // Elsewhere they are positives of each other.
    const mixed = await take(load(data, { batchSize: 40 }))
    expect(mixed[0]!.positives.reduce((a, b) => a + b)).toBeGreaterThan(40)
    const diagonal = await take(load(data, { batchSize: 40, positives: 'diagonal' }))
    expect(diagonal[0]!.positives.reduce((a, b) => a + b)).toBe(40)
  })

  it('has weights where samples have them', async () => {
    const data = samples(4).map((sample, n) => (n === 1 ? { ...sample, weight: 3 } : sample))
    expect([...(await take(load(data, { sampler: 'sequential' })))[0]!.weights!]).toEqual([1, 3, 1, 1])
    expect((await take(load(samples(4))))[0]!.weights).toBeUndefined()
  })

  it.each([
    [() => load(samples(3)), /3 samples make no batch of 4/],
    [() => load(stream(), { batchSize: 21 }), /20 samples make no batch of 21/],
    [() => load(samples(8), { batchSize: 0 }), /batchSize 0/],
    [() => load(stream(), { sampler: 'no-duplicates' }), /sampler "no-duplicates" is for data/],
    [() => load(samples(8), { sampler: 'random' as 'shuffled' }), /"random" is not known/],
    [() => load(samples(8), { shuffle: true } as object), /unknown option "shuffle"/],
  ])('refuses what it cannot do', async (make, message) => {
    await expect((async () => take(make()))()).rejects.toThrow(message)
  })
})
