import { checkOptions, InputError, OptionError } from '../base/errors'
import type { Tensor } from '../base/tensor'
import { dot } from '../retrieval/dots'
import { type BlockOptions, eachDotRow, rowsOf, unitRows } from './blocks'

export interface RetrievalScores {
  /** Queries that have an answer. */
  readonly queries: number
  /** Share of queries with an answer among the first k, by k. */
  readonly recallAt: Readonly<Record<number, number>>
  /** Of the best answer, from 1 on. */
  readonly medianRank: number
  readonly meanReciprocalRank: number
  readonly ndcgAt10: number
  readonly meanAveragePrecision: number
}

export interface RetrievalReport {
  readonly imageToText: RetrievalScores
  readonly textToImage: RetrievalScores
}

export interface RetrievalOptions extends BlockOptions {
  /** Default: [1, 5, 10]. */
  at?: readonly number[]
}

/**
 * Retrieval both ways by cosine. A picture may have several captions: it is found by any of them, and they do not count
 * against each other. Ties count against (a collapsed model finds nothing), and so does what is no number.
 * Memory is that of a few numbers a row: no matrix of all similarities is made.
 * @param images `[N, D]` @param texts `[M, D]`
 * @param imageOf for each text the row of its picture; -1 for one that belongs to none. Text i to picture i unless given.
 */
export async function retrievalScores(
  images: Tensor,
  texts: Tensor,
  imageOf?: readonly number[] | Int32Array,
  options: RetrievalOptions = {},
): Promise<RetrievalReport> {
  checkOptions(options, ['at', 'signal', 'onProgress'], 'retrievalScores')
  const at = checkedRanks(options.at ?? [1, 5, 10])
  const a = unitRows(rowsOf('images', images))
  const b = unitRows(rowsOf('texts', texts, a.size))
  const owner = imageOf ? Int32Array.from(imageOf) : Int32Array.from({ length: b.count }, (_, i) => i)
  checkOwners(owner, a.count, b.count)

  /** Captions of each picture, the most similar first. */
  const captions: number[][] = Array.from({ length: a.count }, () => [])
  owner.forEach((image, text) => captions[image]?.push(text))
  const own = Float64Array.from(owner, (image, text) => orLowest(image < 0 ? 0 : dot(a, image, b, text)))
  for (const list of captions) list.sort((x, y) => own[y]! - own[x]!)

  /** By text: texts of other pictures that its own picture is no less similar to. */
  const textsBefore = new Float64Array(b.count)
  /** By text: other pictures that are no less similar to it than its own. */
  const imagesBefore = new Float64Array(b.count)
  await eachDotRow(a, b, options, (image, start, end, scores) => {
    const list = captions[image]!
    for (let text = start; text < end; text++) {
      if (owner[text] === image) continue
      const score = scores[text - start]!
      if (owner[text]! >= 0 && !(score < own[text]!)) imagesBefore[text]!++
      // The captions stand from the most similar down: the last ones are passed first.
      for (let k = list.length - 1; k >= 0 && !(score < own[list[k]!]!); k--) textsBefore[list[k]!]!++
    }
  })
  return {
    imageToText: summarise(
      captions
        .filter((list) => list.length > 0)
        .map((list) => list.map((text, before) => textsBefore[text]! + before + 1)),
      at,
    ),
    textToImage: summarise(
      Array.from(owner).flatMap((image, text) => (image < 0 ? [] : [[imagesBefore[text]! + 1]])),
      at,
    ),
  }
}

/** A model whose embeddings are no numbers finds nothing. */
const orLowest = (score: number): number => (Number.isNaN(score) ? -Infinity : score)

function checkedRanks(at: readonly number[]): readonly number[] {
  if (at.length > 0 && at.every((k) => Number.isInteger(k) && k > 0)) return at
  throw new OptionError('bad-option', `at is [${at.join(', ')}]; positive integers are needed.`)
}

function checkOwners(owner: Int32Array, images: number, texts: number): void {
  const odd = owner.findIndex((image) => image < -1 || image >= images)
  if (owner.length !== texts || odd >= 0)
    throw new InputError(
      'bad-pairs',
      owner.length !== texts
        ? `imageOf has ${owner.length} entries for ${texts} texts; one for each is needed.`
        : `text ${odd} belongs to picture ${owner[odd]}, but there are ${images}. Give a row of images` +
            (texts !== images ? ' (imageOf, where there are not as many texts as pictures).' : '.'),
    )
  if (!owner.some((image) => image >= 0))
    throw new InputError('bad-pairs', 'No text belongs to a picture: there is nothing to measure.')
}

/** @param ranks of each query's answers, ascending, from 1 on */
function summarise(ranks: readonly (readonly number[])[], at: readonly number[]): RetrievalScores {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const best = ranks.map(([first]) => first!)
  const sorted = Float64Array.from(best).sort()
  const middle = sorted.length / 2
  return {
    queries: ranks.length,
    recallAt: Object.fromEntries(at.map((k) => [k, mean(best.map((rank) => (rank <= k ? 1 : 0)))])),
    medianRank: (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2,
    meanReciprocalRank: mean(best.map((rank) => 1 / rank)),
    ndcgAt10: mean(ranks.map(ndcgAt10)),
    meanAveragePrecision: mean(ranks.map((answers) => mean(answers.map((rank, i) => (i + 1) / rank)))),
  }
}

function ndcgAt10(ranks: readonly number[]): number {
  const gain = (ranks: readonly number[]): number =>
    ranks.reduce((sum, rank) => (rank <= 10 ? sum + 1 / Math.log2(1 + rank) : sum), 0)
  return gain(ranks) / gain(ranks.map((_, i) => i + 1))
}
