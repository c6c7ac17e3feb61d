import { retrievalScores, tensor } from '@dual-encoder/core'
import { expect, it } from 'vitest'
import { random } from './faults'
import { record } from './record'

const ROWS = 100_000
const SIZE = 16
const resident = () => process.memoryUsage().rss / 2 ** 20

it(`retrieval of ${ROWS} pictures and as many texts makes no matrix of all similarities`, async () => {
  const next = random(19)
  const texts = Float32Array.from({ length: ROWS * SIZE }, () => next() - 0.5)
  const images = texts.map((value) => value + 0.1 * (next() - 0.5))
  const before = resident()
  let most = before
  const begun = performance.now()
  const dims = [ROWS, SIZE]
  const { imageToText, textToImage } = await retrievalScores(tensor(images, dims), tensor(texts, dims), undefined, {
    onProgress: () => void (most = Math.max(most, resident())),
  })
  const seconds = Math.round((performance.now() - begun) / 1000)
  const added = Math.round(most - before)
  const recall = [imageToText, textToImage].map(({ recallAt }) => Number(recallAt[1]!.toFixed(4)))
  await record('evaluation', {
    what: 'retrieval both ways: rows of either side, values a row, MB above what the vectors themselves take, recall at 1',
    rows: ROWS,
    size: SIZE,
    seconds,
    MB: added,
    recall,
  })
  // A matrix of float32 would take 40,000.
  expect(added).toBeLessThan(200)
  for (const share of recall) expect(share).toBeGreaterThan(0.9)
}, 1_800_000)
