import { describe, expect, it } from 'vitest'
import { entriesOf } from '../../tools/languages/dictionaries.mjs'
import { unpacked } from '../../tools/languages/e5.mjs'

describe('tools/languages', () => {
  it('reads the words of a dictionary, without marks, notes and examples', () => {
    const text = [
      'Apfel /ˈapfəl/ <masc, n, sg>',
      ' [bot.]  [cook.] apple <n>',
      '     "einen Apfel schälen"  - peel an apple',
      ' see: {Äpfel}, {Essapfel}',
      '',
      '         Note: Obst',
      'abri /abʀi/ <n, masc>',
      '1. asylum',
      '2. bunker, shelter (for some)',
      'Raft Channel /rɑːfttʃænl/',
      'chenal Raft',
    ].join('\n')
    expect(entriesOf(text)).toEqual([
      { word: 'Apfel', grammar: 'masc, n, sg', translations: ['apple'] },
      { word: 'abri', grammar: 'n, masc', translations: ['asylum', 'bunker', 'shelter'] },
      { word: 'Raft Channel', grammar: '', translations: ['chenal Raft'] },
    ])
  })

  it('unpacks blocks of four bits: a scale, then values in two halves', () => {
    // 0.5 as float16; the low half of each byte is of the first sixteen, the high half of the others.
    const block = Buffer.from([0x00, 0x38, ...Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4))])
    const halves = Array.from({ length: 16 }, (_, i) => (i - 8) * 0.5)
    expect([...unpacked(block)]).toEqual([...halves, ...halves.map((_, i) => (7 - i) * 0.5)])
  })
})
