// Words of other languages for the shipped model's text tower: each stands where its English ones do among word embeddings.
// English words of labels keep their pieces, or become one where new pieces would break them otherwise.
import { readFile, writeFile } from 'node:fs/promises'
import { readSafetensors, tensor, writeSafetensors } from '@dual-encoder/core'
import { readShards } from '../pictures/read.mjs'
import { LANGUAGES } from './dictionaries.mjs'
import { frequencies } from './frequencies.mjs'
import { meanings, plain } from './glosses.mjs'
import { remembered } from './remembered.mjs'

const EMBEDDINGS = 'text_model.embeddings.word_embeddings.weight'
/** Meanings of a word that are taken, and how far behind the best they may be. */
const MOST = 3
const NEAR = 0.5
/** How much more it counts that pictures show it; by how many labels do, to this power. */
const SHOWN = 2.5
const BY_LABELS = 0.2
/** How much more a language has to use a word that labels have. */
const MARGIN = 1
/** How often a word has to be used (three in ten million words) that no picture shows. */
const USED = 2.5
/** How much more what English means by a word counts that another language has too. */
const ENGLISH_COUNTS = 3
/** A word of labels that is English for sure. */
const OFTEN = 3
const isNew = (/** @type {string} */ word) => /^\p{Ll}{1,30}$/u.test(word)
/** Ends of compounds. */
const isEnd = (/** @type {string} */ word) => /^\p{Ll}{4,20}$/u.test(word)

/**
 * WordPiece: the longest known piece, again and again; undefined where there is none.
 * @param {string} word @param {{ has(piece: string): boolean }} vocabulary
 */
export function piecesOf(word, vocabulary) {
  /** @type {string[]} */
  const pieces = []
  for (let from = 0; from < word.length;) {
    const prefix = from > 0 ? '##' : ''
    let to = word.length
    while (to > from && !vocabulary.has(prefix + word.slice(from, to))) to--
    if (to === from) return undefined
    pieces.push(prefix + word.slice(from, to))
    from = to
  }
  return pieces
}

/** How often each word stands in labels of pictures. */
async function labelWords() {
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const name of ['train', 'held-out'])
    for (const { label } of await readShards(name))
      for (const word of plain(label).match(/[a-z]+/g) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

/**
 * Words of labels, and what English uses as much as the other languages do.
 * @param {ReadonlyMap<string, number>} shown words of labels
 */
async function englishWords(shown) {
  const [own = new Map(), ...others] = await Promise.all(['en', ...Object.keys(LANGUAGES)].map(plainFrequencies))
  const isOwn = (/** @type {string} */ word) =>
    (own.get(word) ?? 0) + (shown.has(word) ? MARGIN : 0) >= Math.max(...others.map((often) => often.get(word) ?? 0))
  const often = [...shown].filter(([word, count]) => word.length > 1 && count >= OFTEN).map(([word]) => word)
  return [...new Set([...[...own.keys()].filter(isOwn), ...often])].filter((word) => /^[a-z]+$/.test(word))
}

/** How often a word is used, by which frequencies are logarithms. */
const usage = (/** @type {ReadonlyMap<string, number>} */ often, /** @type {string} */ word) =>
  10 ** (often.get(word) ?? 0)

const plainFrequencies = remembered(async (language) => {
  /** @type {Map<string, number>} */
  const often = new Map()
  for (const [word, count] of await frequencies(language))
    if (count > (often.get(plain(word)) ?? 0)) often.set(plain(word), count)
  return often
})

/**
 * Pieces that are new, or that no English word is, with their English words and how much each counts.
 * @param {ReadonlySet<string>} vocabulary
 */
async function newPieces(vocabulary) {
  const shown = await labelWords()
  const english = await englishWords(shown)
  const isEnglish = new Set(english)
  const inEnglish = await plainFrequencies('en')
  // Used in English, however often others use it: `village` and `accident` tell what `Dorf` and `accidente` are.
  const isCommon = (/** @type {string} */ phrase) =>
    phrase.split(/[ -]/).every((word) => vocabulary.has(word) && (inEnglish.get(word) ?? 0) >= USED)
  /** How many labels have all words of a phrase, at most. */
  const labelsOf = (/** @type {string} */ phrase) =>
    Math.min(...(phrase.match(/[a-z]+/g) ?? ['']).map((word) => shown.get(word) ?? 0))
  const isShown = (/** @type {string} */ phrase) => labelsOf(phrase) > 0
  const weightOf = (/** @type {string} */ phrase) => {
    const labels = labelsOf(phrase)
    return labels > 0 ? SHOWN * labels ** BY_LABELS : 1
  }
  /** @type {Map<string, { word: string, score: number }[]>} */
  const pieces = new Map()
  /** What others mean by words that English has too (`main`, `chat`). @type {typeof pieces} */
  const shared = new Map()
  for (const [language, words] of Object.entries(await meanings())) {
    const often = await plainFrequencies(language)
    for (const [word, all] of words) {
      const told = [...all]
        .map(([one, score]) => ({ word: one, score: score * weightOf(one) }))
        .sort((a, b) => b.score - a.score)
        .slice(0, MOST)
      const near = told.filter(({ score }) => score >= NEAR * (told[0]?.score ?? 0))
      // What no picture shows and no common word says is left to the pieces that there are.
      const isUsed = (often.get(word) ?? 0) >= USED
      if (!isNew(word) || !near.some((one) => isShown(one.word) || (isUsed && isCommon(one.word)))) continue
      const put = (/** @type {string} */ piece) => pieces.set(piece, [...(pieces.get(piece) ?? []), ...near])
      if (!isEnglish.has(word)) put(word)
      else if (vocabulary.has(word)) {
        const weight = usage(often, word) / near.reduce((sum, { score }) => sum + score, 0)
        const weighed = near.map((one) => ({ word: one.word, score: weight * one.score * labelsOf(one.word) }))
        shared.set(word, [...(shared.get(word) ?? []), ...weighed])
      }
      if (language === 'de' && isEnd(word) && !vocabulary.has(`##${word}`)) put(`##${word}`)
    }
  }
  // Of two meanings a caption has the one that pictures show more.
  for (const [word, told] of shared) {
    const own = ENGLISH_COUNTS * usage(inEnglish, word) * (1 + labelsOf(word))
    if (told.some(({ score }) => score > 0)) pieces.set(word, [...told, { word, score: own }])
  }
  const both = { has: (/** @type {string} */ piece) => vocabulary.has(piece) || pieces.has(piece) }
  const broken = english.filter(
    (word) => shown.has(word) && piecesOf(word, both)?.join() !== piecesOf(word, vocabulary)?.join(),
  )
  for (const word of broken) pieces.set(word, [{ word, score: 1 }])
  return pieces
}

/** Writes tokenizer, config and weights of a model that knows these words. @param {string} folder of the shipped one @param {string} target with a copy of it */
export async function withWords(folder, target) {
  const [tokenizer, config] = await Promise.all(
    ['tokenizer.json', 'config.json'].map(async (name) => JSON.parse(await readFile(`${folder}/${name}`, 'utf8'))),
  )
  const weights = await readSafetensors(`${folder}/model.safetensors`)
  const old = /** @type {import('@dual-encoder/core').Tensor<'float32'>} */ (weights.get(EMBEDDINGS))
  const width = old.dims[1] ?? 0
  /** @type {Record<string, number>} */
  const vocab = tokenizer.model.vocab
  const vocabulary = new Set(Object.keys(vocab))
  const pieces = await newPieces(vocabulary)
  let count = vocabulary.size
  for (const piece of pieces.keys()) vocab[piece] ??= count++
  const rows = new Float32Array(count * width)
  rows.set(old.data)
  for (const [piece, told] of pieces) {
    const row = rows
      .subarray((vocab[piece] ?? 0) * width)
      .subarray(0, width)
      .fill(0)
    const all = told.reduce((sum, { score }) => sum + score, 0)
    for (const { word, score } of told) {
      const parts = word.split(/[ '-]/).flatMap((one) => piecesOf(one, vocabulary) ?? [])
      for (const part of parts) {
        const from = (vocab[part] ?? 0) * width
        for (let i = 0; i < width; i++)
          row[i] = (row[i] ?? 0) + ((old.data[from + i] ?? 0) * score) / all / parts.length
      }
    }
  }
  weights.set(EMBEDDINGS, tensor(rows, [count, width]))
  config.text_config.vocab_size = count
  await writeFile(`${target}/tokenizer.json`, JSON.stringify(tokenizer))
  await writeFile(`${target}/config.json`, JSON.stringify(config, null, 2))
  await writeFile(`${target}/model.safetensors`, writeSafetensors(weights, { format: 'pt' }))
  console.log(`${pieces.size} words of other languages`)
}
