import { describe, expect, it } from 'vitest'
import { entriesOf } from '../../tools/languages/dictionaries.mjs'
import { functionWords } from '../../tools/languages/function-words.mjs'
import { folded } from '../../tools/languages/glosses.mjs'
import { piecesOf } from '../../tools/languages/vocabulary.mjs'

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
      'un canal',
      'angora turc /ɑ̃.ɡɔ.ʁa/ <n, masc>',
      ' 1.',
      'Angorakatze',
      'eine Katze',
    ].join('\n')
    expect(entriesOf(text, false)).toEqual([
      { word: 'Apfel', grammar: 'masc, n, sg', translations: ['apple'] },
      { word: 'abri', grammar: 'n, masc', translations: ['asylum', 'bunker', 'shelter'] },
      { word: 'Raft Channel', grammar: '', translations: ['chenal Raft'] },
      { word: 'angora turc', grammar: 'n, masc', translations: ['Angorakatze'] },
    ])
    expect(entriesOf(text, true)[2]?.translations).toEqual(['chenal Raft', 'un canal'])
  })

  it('takes the longest piece of a word that is known, then of its rest', () => {
    const known = new Set(['feuer', 'feuerwehr', '##wehr', '##auto', '##a'])
    expect(piecesOf('feuerwehrauto', known)).toEqual(['feuerwehr', '##auto'])
    expect(piecesOf('feuerwehr', new Set(['feuer', '##wehr']))).toEqual(['feuer', '##wehr'])
    expect(piecesOf('auto', known)).toBeUndefined()
  })

  it('tells words that differ by accents by what is used more', () => {
    const known = new Map([
      ['año', new Map([['year', 2]])],
      ['ano', new Map([['anus', 2]])],
    ])
    const often = new Map([
      ['año', 6],
      ['ano', 4],
    ])
    const told = folded(known, often).get('ano')
    expect((told?.get('year') ?? 0) / (told?.get('anus') ?? 0)).toBeCloseTo(100, 6)
  })

  it('has function words, each by all that it mostly is', () => {
    const told = functionWords('de').filter(({ word }) => word === 'sein')
    expect(told.map(({ english }) => english)).toEqual(['be', 'its'])
  })
})
