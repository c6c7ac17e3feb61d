import { expect, expectTypeOf, it } from 'vitest'
import { type Tensor, tensor } from '../base/tensor'
import { Tokenizer, type TokenRows } from './tokenizer'

const tokenizer = Tokenizer.fromFiles({
  tokenizer: {
    model: { type: 'WordPiece', vocab: { '[PAD]': 0, '[UNK]': 1, red: 2, apple: 3 }, unk_token: '[UNK]' },
    pre_tokenizer: { type: 'Whitespace' },
    decoder: { type: 'WordPiece' },
  },
  tokenizerConfig: { pad_token: '[PAD]' },
})

it('is known to give a tensor for one text, and for texts padded to the longest', () => {
  const one = tokenizer('red apple').inputIds
  expectTypeOf(one).toEqualTypeOf<Tensor<'int64'>>()
  expect(one.dims).toEqual([1, 2])
  const padded = tokenizer(['red apple', 'red'], { padding: true }).inputIds
  expectTypeOf(padded).toEqualTypeOf<Tensor<'int64'>>()
  expect(padded.dims).toEqual([2, 2])
  const ragged = tokenizer(['red apple', 'red']).inputIds
  expectTypeOf(ragged).toEqualTypeOf<TokenRows>()
  expect(ragged).toEqual([[2, 3], [2]])
})

it('decodes rows of any integer type', () => {
  const rows: Tensor = tensor([2, 3, 2, 0], [2, 2], 'int32')
  expect(tokenizer.batchDecode(rows)).toEqual(['red apple', 'red [PAD]'])
  expect(tokenizer.batchDecode([[2n, 3n], [2]])).toEqual(['red apple', 'red'])
})

it('refuses parts within parts without end', () => {
  let normalizer: object = { type: 'Lowercase' }
  for (let i = 0; i < 100_000; i++) normalizer = { type: 'Sequence', normalizers: [normalizer] }
  const files = { tokenizer: { model: { type: 'WordPiece', vocab: { '[UNK]': 0 }, unk_token: '[UNK]' }, normalizer } }
  expect(() => Tokenizer.fromFiles(files)).toThrow(expect.objectContaining({ code: 'bad-tokenizer' }) as Error)
})

it('takes no web page for a vocabulary', async () => {
  const page = new TextEncoder().encode('<!DOCTYPE html>\n<html></html>\n')
  const files = { read: (name: string) => Promise.resolve(name === 'vocab.txt' ? page : undefined) }
  await expect(Tokenizer.fromPretrained(files)).rejects.toMatchObject({ code: 'html-page' })
})
