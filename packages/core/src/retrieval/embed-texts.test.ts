import { expect, it } from 'vitest'
import { type Tensor, tensor } from '../base/tensor'
import type { TextModelInputs } from '../models/inputs'
import { embedTexts } from './embed-texts'

/** A token for each letter. */
const processor = (text: string) => {
  const ids = BigInt64Array.from([...text].map((letter) => BigInt(letter.codePointAt(0)!)))
  return Promise.resolve({
    inputIds: tensor(ids, [1, ids.length]),
    attentionMask: tensor(
      ids.map(() => 1n),
      [1, ids.length],
    ),
  })
}

function model() {
  const batches: (readonly number[])[] = []
  const getTextFeatures = ({ inputIds, attentionMask }: TextModelInputs): Promise<Tensor> => {
    expect(attentionMask?.dims).toEqual(inputIds.dims)
    batches.push(inputIds.dims)
    const [rows = 0, length = 0] = inputIds.dims
    const firsts = Array.from({ length: rows }, (_, row) => Number(inputIds.data[row * length]))
    return Promise.resolve(
      tensor(
        firsts.flatMap((first) => [first, length]),
        [rows, 2],
      ),
    )
  }
  return { batches, getTextFeatures }
}

it('embeds texts of one length together and answers in the order they came in', async () => {
  const texts = Array.from({ length: 100 }, (_, i) => String.fromCodePoint(65 + (i % 26)).repeat(1 + ((i * 7) % 5)))
  const { batches, getTextFeatures } = model()
  const progress: number[] = []
  const items = texts.map((text, id) => ({ id, text }))
  let next = 0
  const options = { batchSize: 4, onProgress: ({ done }: { done: number }) => progress.push(done) }
  for await (const { id, embedding } of embedTexts({ getTextFeatures }, processor, items, options)) {
    expect(id).toBe(next)
    expect([...embedding]).toEqual([texts[next]!.codePointAt(0), texts[next]!.length])
    next++
  }
  expect(next).toBe(100)
  expect(progress).toEqual([64, 100])
  expect(Math.max(...batches.map(([rows = 0]) => rows))).toBe(4)
  expect(batches.length).toBeLessThan(35)
})

it('takes no batch of nothing, and ends with the reason of its signal', async () => {
  const all = (options: object) => embedTexts(model(), processor, [{ id: 1, text: 'a' }], options).next()
  await expect(all({ batchSize: 0 })).rejects.toMatchObject({ code: 'bad-option' })
  await expect(all({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
})
