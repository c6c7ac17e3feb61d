import { describe, expect, it } from 'vitest'
import { scramble } from '../base/random'
import { type Tensor, tensor } from '../base/tensor'
import { topKAccuracy } from './accuracy'
import { ensembleEmbeds } from './ensemble'
import { minimise } from './lbfgs'
import { labelProbabilities } from './label-probabilities'
import { LinearProbe } from './linear-probe'
import { retrievalScores } from './retrieval'
import { ZeroShotClassifier } from './zero-shot'

/** Unit vectors on a circle, from angles in degrees. */
const circle = (...degrees: number[]): Tensor<'float32'> =>
  tensor(
    degrees.flatMap((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]),
    [degrees.length, 2],
  )
const random = (count: number, size: number, seed: number): Tensor<'float32'> =>
  tensor(
    Float32Array.from({ length: count * size }, (_, i) => scramble(seed * 1e6 + i) / 2 ** 31 - 1),
    [count, size],
  )

describe('retrieval', () => {
  it('is exact on a hand-made case, with several captions a picture', async () => {
    // Pictures at 0, 90 and 180 degrees; captions of the first at 10 and 80, of the second at 95, of the third at 100.
    const { imageToText, textToImage } = await retrievalScores(
      circle(0, 90, 180),
      circle(10, 80, 95, 100),
      [0, 0, 1, 2],
      { at: [1, 2] },
    )
    // Picture 0 sees 10, 80, 95, 100: its captions stand first and second. Picture 1 sees 95, then 80 and 100. Picture 2
    // sees 100 first.
    expect(imageToText).toEqual({
      queries: 3,
      recallAt: { 1: 1, 2: 1 },
      medianRank: 1,
      meanReciprocalRank: 1,
      ndcgAt10: 1,
      meanAveragePrecision: 1,
    })
    // 80 is closer to 90 than to 0, 100 is closer to 90 than to 180.
    expect(textToImage).toMatchObject({ queries: 4, recallAt: { 1: 0.5, 2: 1 }, medianRank: 1.5 })
    expect(textToImage.meanReciprocalRank).toBeCloseTo(0.75, 12)
    expect(textToImage.ndcgAt10).toBeCloseTo((2 + 2 / Math.log2(3)) / 4, 12)
  })

  it('averages precision over all captions of a picture', async () => {
    // Of picture 0 one caption stands first, the other fourth: two of picture 1 lie between.
    const { imageToText } = await retrievalScores(circle(0, 180), circle(5, 40, 10, 20), [0, 0, 1, 1])
    const second = 1 / 2
    expect(imageToText.meanAveragePrecision).toBeCloseTo(((1 + 2 / 4) / 2 + (1 / 2 + 2 / 3) / 2) / 2, 12)
    expect(imageToText.meanReciprocalRank).toBeCloseTo((1 + second) / 2, 12)
    const ideal = 1 + 1 / Math.log2(3)
    const gains = [1 + 1 / Math.log2(5), 1 / Math.log2(3) + 1 / Math.log2(4)]
    expect(imageToText.ndcgAt10).toBeCloseTo((gains[0]! / ideal + gains[1]! / ideal) / 2, 12)
  })

  it.each([
    ['collapsed to one point', () => tensor(new Float32Array(7 * 3).fill(0.3), [7, 3])],
    ['all zero', () => tensor(new Float32Array(7 * 3), [7, 3])],
    ['not numbers', () => tensor(new Float32Array(7 * 3).fill(NaN), [7, 3])],
  ])('a model that is %s finds nothing', async (_, make) => {
    const { imageToText, textToImage } = await retrievalScores(make(), make())
    for (const scores of [imageToText, textToImage])
      expect(scores).toMatchObject({ recallAt: { 1: 0, 5: 0, 10: 1 }, medianRank: 7 })
  })

  it('equals the slow way over all similarities, with uneven last blocks and texts of no picture', async () => {
    const [images, texts] = [random(61, 5, 1), random(523, 5, 2)]
    const owner = Array.from({ length: 523 }, (_, i) => (scramble(i) % 64) - 2).map((i) =>
      i > 60 ? -1 : Math.max(i, -1),
    )
    const unit = ({ data, dims }: Tensor) =>
      Array.from({ length: dims[0]! }, (_, i) => {
        const row = Array.from((data as Float32Array).subarray(i * 5, i * 5 + 5))
        const length = Math.hypot(...row)
        return row.map((x) => x / length)
      })
    const [a, b] = [unit(images), unit(texts)]
    const cosine = (i: number, j: number) => a[i]!.reduce((sum, x, d) => sum + x * b[j]![d]!, 0)
    const firstRanks = a.flatMap((_, i) => {
      const order = b.map((_, j) => j).sort((x, y) => cosine(i, y) - cosine(i, x))
      const rank = order.findIndex((j) => owner[j] === i)
      return rank < 0 ? [] : [rank + 1]
    })
    const report = await retrievalScores(images, texts, owner)
    expect(report.imageToText.queries).toBe(firstRanks.length)
    expect(report.imageToText.recallAt[5]).toBeCloseTo(firstRanks.filter((r) => r <= 5).length / firstRanks.length, 12)
    const textRanks = owner.flatMap((i, j) =>
      i < 0 ? [] : [1 + a.filter((_, other) => other !== i && cosine(other, j) >= cosine(i, j)).length],
    )
    expect(report.textToImage.recallAt[1]).toBeCloseTo(textRanks.filter((r) => r === 1).length / textRanks.length, 12)
    expect(report.textToImage.meanReciprocalRank).toBeCloseTo(
      textRanks.reduce((sum, rank) => sum + 1 / rank, 0) / textRanks.length,
      10,
    )
  })

  it('does not mind the length of embeddings', async () => {
    const [images, texts] = [random(9, 4, 3), random(9, 4, 4)]
    const scaled = { ...images, data: images.data.map((x, i) => x * (1 + (i >> 2))) }
    expect(await retrievalScores(scaled, texts)).toEqual(await retrievalScores(images, texts))
  })

  it('says what is done, and stops', async () => {
    const controller = new AbortController()
    const seen: number[] = []
    const big = random(3000, 64, 5)
    const running = retrievalScores(big, big, undefined, {
      signal: controller.signal,
      onProgress: (done) => {
        seen.push(done)
        if (seen.length === 3) controller.abort(new Error('enough'))
      },
    })
    await expect(running).rejects.toThrow('enough')
    expect(seen).toHaveLength(3)
    expect(seen).toEqual([...seen].sort((x, y) => x - y))
  })

  it.each([
    [() => retrievalScores(circle(0), circle(0, 1)), /text 1 belongs to picture 1, but there are 1/],
    [() => retrievalScores(circle(0), circle(0), [0, 0]), /2 entries for 1 texts/],
    [() => retrievalScores(circle(0), random(1, 3, 1)), /texts: float32 \[1, 3\] was given; \[N, 2\]/],
    [() => retrievalScores(circle(0), circle(0), [-1]), /No text belongs/],
    [() => retrievalScores(circle(0), circle(0), [0], { at: [0] }), /positive integers/],
  ])('refuses what does not fit', async (call, message) => {
    await expect(call()).rejects.toThrow(message)
  })
})

describe('top-k accuracy', () => {
  it('counts ties against', () => {
    const scores = tensor([3, 1, 2, 2, 2, 1, 0, 0, 0], [3, 3])
    expect(topKAccuracy(scores, [0, 1, 2], [1, 2, 3])).toEqual({ 1: 1 / 3, 2: 2 / 3, 3: 1 })
    expect(() => topKAccuracy(scores, [0, 1, 3])).toThrow(/Row 2 has label 3; 0 to 2/)
  })
})

describe('ensembles', () => {
  it('normalise, average and normalise', () => {
    const once = ensembleEmbeds([tensor([10, 0], [1, 2]), tensor([0, 0.1], [1, 2])])
    expect([...once.data].map((x) => x.toFixed(6))).toEqual(['0.707107', '0.707107'])
  })
})

describe('zero-shot classifier', () => {
  const sentences: string[] = []
  const processor = async ({ text }: { text: string[] }) => {
    sentences.push(...text)
    const angles = text.map((words) => (words.includes('cat') ? 0 : 90) + (words.startsWith('a drawing') ? 40 : 0))
    return { inputIds: tensor(angles, [text.length]), attentionMask: tensor(angles, [text.length]) }
  }
  const model = {
    // Longer for drawings: without unit length first, they would outweigh the photographs.
    getTextFeatures: async ({ inputIds }: { inputIds: Tensor }) => {
      const rows = circle(...(inputs(inputIds) as number[]))
      return { ...rows, data: rows.data.map((x) => 3 * x) }
    },
  }
  const inputs = ({ data }: Tensor) => [...(data as Float32Array)]
  const create = () =>
    ZeroShotClassifier.create(model, processor, {
      labels: ['cat', 'dog'],
      templates: ['a photo of a {}.', (label) => `a drawing of a ${label}`],
      batchSize: 3,
    })

  it('averages its templates', async () => {
    const { weights } = await create()
    expect(sentences).toEqual(['a photo of a cat.', 'a photo of a dog.', 'a drawing of a cat', 'a drawing of a dog'])
    const wanted = circle(20, 110).data
    weights.data.forEach((x, i) => expect(x).toBeCloseTo(wanted[i]!, 6))
  })

  it('classifies, and counts', async () => {
    const classifier = await create()
    const pictures = circle(10, 100, 60)
    expect(classifier.classify(pictures).map(([best]) => best!.label)).toEqual(['cat', 'dog', 'cat'])
    expect(classifier.classify(circle(20), 2)[0]).toMatchObject([{ label: 'cat' }, { label: 'dog', index: 1 }])
    expect(await classifier.accuracy(pictures, [0, 1, 1], { at: [1, 2] })).toEqual({ 1: 2 / 3, 2: 1 })
  })

  it('comes back as it was written', async () => {
    const classifier = await create()
    const again = await ZeroShotClassifier.load(classifier.save())
    expect(again).toEqual(classifier)
    await expect(ZeroShotClassifier.load(new Uint8Array(3))).rejects.toThrow()
  })

  it('refuses a template without a place, and nothing at all', async () => {
    const of = (options: object) => ZeroShotClassifier.create(model, processor, { labels: ['cat'], ...options })
    await expect(of({ templates: ['a photo'] })).rejects.toThrow(/no \{\}/)
    await expect(of({ labels: [] })).rejects.toThrow(/at least one label/)
  })
})

describe('L-BFGS', () => {
  it('finds the end of a narrow valley', () => {
    const { point, converged } = minimise(
      ([x = 0, y = 0], gradient) => {
        gradient[0] = -2 * (1 - x) - 400 * x * (y - x * x)
        gradient[1] = 200 * (y - x * x)
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2
      },
      new Float64Array([-1.2, 1]),
      { maxIterations: 200, tolerance: 1e-8 },
    )
    expect(converged).toBe(true)
    point.forEach((x) => expect(x).toBeCloseTo(1, 7))
  })
})

// Its numbers are held to scikit-learn's in parity-tests/src/linear-probe.test.ts.
describe('linear probe', () => {
  it.each([
    [() => LinearProbe.fit(circle(0, 1), [0]), /1 labels were given for 2 rows/],
    [() => LinearProbe.fit(circle(0, 1), [0, -1]), /Row 1 has label -1/],
    [() => LinearProbe.fit(circle(0, 1), [0, 1], { C: [1, 2] }), /give a validation part/],
    [() => LinearProbe.fit(circle(0, 1), [0, 1], { C: 0 }), /C is 0/],
  ])('refuses what it cannot fit', async (call, message) => {
    await expect(call()).rejects.toThrow(message)
  })
})

describe('label probabilities', () => {
  const model = (loss: 'clip' | 'siglip', bias?: number) => ({
    config: { loss },
    logitScale: () => Promise.resolve(tensor([Math.log(10)], [])),
    logitBias: () => Promise.resolve(bias === undefined ? undefined : tensor([bias], [])),
  })

  it('are softmax or sigmoid of scaled cosines, whatever the lengths of rows', async () => {
    // Two pictures, at 0 degrees (of length 3) and 90; labels at 0 and 60 degrees.
    const images = tensor([3, 0, 0, 1], [2, 2])
    const [near, far] = [Math.exp(10), Math.exp(5)]
    const shared = await labelProbabilities(model('clip'), images, circle(0, 60))
    expect(shared.dims).toEqual([2, 2])
    expect(shared.data[0]).toBeCloseTo(near / (near + far), 6)
    expect(shared.data[2]! + shared.data[3]!).toBeCloseTo(1, 6)
    const own = await labelProbabilities(model('siglip', -5), images, circle(0, 60))
    expect(own.data[0]).toBeCloseTo(1 / (1 + Math.exp(-5)), 6)
    expect(own.data[1]).toBeCloseTo(0.5, 6)
  })

  it('refuse rows of other sizes', async () => {
    await expect(labelProbabilities(model('clip'), random(1, 3, 1), random(2, 4, 2))).rejects.toMatchObject({
      code: 'bad-shape',
    })
  })
})
