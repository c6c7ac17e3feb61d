import { expect, it } from 'vitest'
import { graphemes, normalForm, stripped } from './unicode'

/** Linear congruential numbers. */
function numbers(): (below: number) => number {
  let state = 1
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) % below
  }
}

const drawn = (chars: readonly string[], length: number, next: (below: number) => number): string =>
  Array.from({ length }, () => chars[next(chars.length)]).join('')

it('orders long runs of combining marks as String.normalize does', () => {
  // Of classes 0, 1, 7, 9, 220, 230 and 240, two that decompose among them.
  const marks = ['\u0301', '\u0316', '\u0334', '\u093c', '\u094d', '\u0345', '\u0344', '\u0340', '\u0903', '\u0323']
  const next = numbers()
  for (let i = 0; i < 100; i++) {
    const text = `x${drawn(marks, 80 + next(200), next)}e\u0301\u0327`
    for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD'] as const)
      expect(normalForm(text, form)).toBe(text.normalize(form))
  }
})

it('finds the graphemes of Intl.Segmenter a part at a time', () => {
  const chars = 'a \r\n\u0301👨\u200d👩🇩🇪🇫\u1100\u1161\u11a8한क्षिกำ中🏽'
  const next = numbers()
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
  const texts = Array.from({ length: 100 }, () => drawn([...chars, '\ud800'], 200 + next(900), next))
  for (const text of [...texts, `a${'\u0301'.repeat(3000)}b`, '🇩🇪'.repeat(500), '👨\u200d'.repeat(500)])
    expect(graphemes(text)).toEqual(Array.from(segmenter.segment(text), ({ segment }) => segment))
})

it('strips either side', () => {
  expect(stripped('  a b ', /\s/)).toBe('a b')
  expect(stripped('  a b ', /\s/, true, false)).toBe('a b ')
  expect(stripped('  a b ', /\s/, false)).toBe('  a b')
  expect(stripped('   ', /\s/)).toBe('')
})
