import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { Tokenizer } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'

const FIXTURES = fileURLToPath(new URL('../../fixtures/text', import.meta.url))
const { blobs } = JSON.parse(readFileSync(`${FIXTURES}/settings.json`, 'utf8')) as { blobs: Record<string, string> }

/** A long run of each class of character. */
const RUNS: Readonly<Record<string, string>> = {
  'lower case': 'a', 'upper case': 'A', spaces: ' ', newlines: '\n', 'no-break spaces': '\u00a0', digits: '1',
  points: '.', quotes: "'", backticks: '`', underscores: '_', 'less-than': '<', words: 'a bc ', 'words far apart': 'a     ',
  ideographs: '中', kana: '東京の猫は', hangul: '한국', jamo: '\u1100\u1161', thai: 'กำ', devanagari: 'क्षि', arabic: 'لاإله',
  composed: 'é', decomposed: 'e\u0301', marks: '\u0301\u0316', 'marks of one class': '\u0301', emoji: '😀',
  'emoji sequences': '👨\u200d👩\u200d', flags: '🇩🇪', joiners: '\u200d', ligatures: 'ﬁ', controls: '\u0001', lone: '\ud800',
  metaspaces: '▁', masks: '<mask> ',
} // prettier-ignore
/** Ends after the run, with which a search that begins anew in each place does most. */
const ENDS = ['', '<mask> [MASK]x']

const SHORT = 4000
const LONG = 8 * SHORT
/** CPU time of a long text that is nothing to speak of, whatever the short one takes: about 3 microseconds a character. */
const FLOOR_MS = 100
const TIMES_LONGER = 4

const NORMALIZERS = {
  NFD: { type: 'NFD' },
  NFKC: { type: 'NFKC' },
  'no accents': { type: 'Sequence', normalizers: [{ type: 'NFKD' }, { type: 'StripAccents' }, { type: 'Lowercase' }] },
  strip: { type: 'Strip', strip_left: true, strip_right: true },
  'spaces at the end': { type: 'Replace', pattern: { Regex: '\\A +| +\\z' }, content: '' },
  'spaces in a row': { type: 'Replace', pattern: { Regex: '\\s{2,}|[\\n\\r\\t]' }, content: ' ' },
}

async function tokenizers(): Promise<[name: string, tokenizer: Tokenizer][]> {
  const trained = ['bert', 'roberta', 'clip', 'xlm-roberta'].map(async (name): Promise<[string, Tokenizer]> => [
    name,
    await Tokenizer.fromPretrained(`${FIXTURES}/${name}`),
  ])
  const made = ['MPNet', 'Deberta', 'Camembert', 'Albert', 'RemBert', 'DebertaV2', 'T5', 'Siglip2'].map(
    (name): [string, Tokenizer] => {
      const [tokenizer, type] = [JSON.parse(blobs[`${name}Tokenizer.json`]!) as object, `${name}Tokenizer`]
      return [name, Tokenizer.fromFiles({ tokenizer, tokenizerConfig: { tokenizer_class: type } })]
    },
  )
  const base = JSON.parse(blobs['XLMRobertaTokenizer.json']!) as object
  const normalizers = Object.entries(NORMALIZERS).map(([name, normalizer]): [string, Tokenizer] => [
    name,
    Tokenizer.fromFiles({ tokenizer: { ...base, normalizer, pre_tokenizer: null } }),
  ])
  return [...(await Promise.all(trained)), ...made, ...normalizers]
}

/** CPU time, which other work on the machine does not change. */
function milliseconds(tokenizer: Tokenizer, text: string, returnOffsetsMapping: boolean): number {
  const start = process.cpuUsage()
  const ids = tokenizer(text, { truncation: true, maxLength: 16, returnOffsetsMapping }).inputIds
  const { user, system } = process.cpuUsage(start)
  expect(ids.dims[1]).toBeLessThanOrEqual(16)
  return (user + system) / 1000
}

/** Whether the time of a text grows with its length, and not with the square of it. The least of three runs counts. */
function isLinear(tokenizer: Tokenizer, run: string, end: string, offsets: boolean): boolean {
  const text = (length: number) => run.repeat(Math.ceil(length / run.length)) + end
  let [short, long] = [Infinity, Infinity]
  for (let i = 0; i < 3; i++) {
    long = Math.min(long, milliseconds(tokenizer, text(LONG), offsets))
    if (long < FLOOR_MS) return true
    short = Math.min(short, milliseconds(tokenizer, text(SHORT), offsets))
    if (long < TIMES_LONGER * (LONG / SHORT) * short) return true
  }
  return false
}

describe('the time of a long text, cut to 16 tokens', async () => {
  it.each(await tokenizers())('grows with its length: %s', { timeout: 300_000 }, (_, tokenizer) => {
    const slow = Object.entries(RUNS).flatMap(([name, run]) =>
      ENDS.flatMap((end) =>
        [false, true]
          .filter((offsets) => !isLinear(tokenizer, run, end, offsets))
          .map((offsets) => `${name}${end && ` before ${end}`}${offsets ? ', with offsets' : ''}`),
      ),
    )
    expect(slow).toEqual([])
  })
})
