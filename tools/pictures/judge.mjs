// Judges a model on the pictures that no training has seen:  npm run pictures:judge -- MODEL_FOLDER
// MODEL_FOLDER/judgement.json gets the figures, MODEL_FOLDER/stamps-confusion.svg how the stamps' categories are told apart.
import { writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { retrievalScores, tensor, VisionTextDualEncoderProcessor, ZeroShotClassifier } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { confusionSvg } from './confusion.mjs'
import { BATCH, embedded, padded } from './embed.mjs'
import { readShards } from './read.mjs'

const TEMPLATES = ['a picture of {}', 'a photo of {}', 'a drawing of {}', 'clip art of {}', '{}']
/** Folders of the stamps, in words. @type {Record<string, string>} */
const WORDS = { naturalforces: 'natural forces', autos: 'cars', household: 'household things' }

/** A folder of the stamps as one says it. @param {string} path */
const spoken = (path) => {
  const name = path.split('/').at(-1) ?? path
  return WORDS[name] ?? name.replaceAll('_', ' ')
}
const percent = (/** @type {number} */ share) => Math.round(share * 1000) / 10

/** @param {string} folder @param {readonly string[]} languages that the stamps' captions are judged in too */
export async function judge(folder, languages = []) {
  const model = await VisionTextDualEncoderModel.fromPretrained(folder)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
  const texts = (/** @type {{ text: string[] }} */ { text }) => padded(processor, text)
  const classifier = (/** @type {string[]} */ labels, templates = TEMPLATES) =>
    ZeroShotClassifier.create(model, texts, { labels, templates, batchSize: BATCH })

  /**
   * Recall at 1, 5 and 10 in percent. Pictures of one caption share it: a picture has to find its caption among those
   * that there are, a caption any of its pictures.
   * @param {import('./read.mjs').Entry[]} entries @param {string} template
   */
  const retrieval = async (entries, template, language = '') => {
    const captioned = entries.filter(({ translations }) => !language || translations?.[language])
    const own = captioned.map(({ label, translations }) => (language ? (translations?.[language] ?? '') : label))
    const captions = [...new Set(own)].sort()
    const { weights } = await classifier(captions, [template])
    const imageOf = own.map((caption) => captions.indexOf(caption))
    // Captions take the place of pictures in the report, since they are those that several belong to.
    const report = await retrievalScores(weights, await imagesOf(entries, captioned), imageOf)
    const recall = (/** @type {Readonly<Record<number, number>>} */ at) => [1, 5, 10].map((k) => percent(at[k] ?? 0))
    return {
      pictures: captioned.length,
      captions: captions.length,
      imageToText: recall(report.textToImage.recallAt),
      textToImage: recall(report.imageToText.recallAt),
    }
  }
  /** @type {Map<import('./read.mjs').Entry[], ReturnType<typeof embedded>>} */
  const known = new Map()
  /** @param {import('./read.mjs').Entry[]} entries @param {import('./read.mjs').Entry[]} some of them */
  const imagesOf = async (entries, some = entries) => {
    const embeddings = known.get(entries) ?? embedded(model, processor, entries)
    known.set(entries, embeddings)
    const { data, dims } = await embeddings
    const width = dims[1] ?? 0
    const rows = some.map((entry) => entries.indexOf(entry) * width)
    return tensor(Float32Array.from(rows.flatMap((row) => [...data.subarray(row, row + width)])), [some.length, width])
  }

  /** @param {import('./read.mjs').Entry[]} entries @param {(entry: import('./read.mjs').Entry) => string} classOf */
  const classified = async (entries, classOf) => {
    const labels = [...new Set(entries.map(classOf))].sort()
    const guesses = (await classifier(labels.map(spoken))).classify(await imagesOf(entries))
    const matrix = labels.map(() => labels.map(() => 0))
    const wrong = entries.flatMap((entry, i) => {
      const [right, guess] = [labels.indexOf(classOf(entry)), guesses[i]?.[0]?.index ?? 0]
      const row = /** @type {number[]} */ (matrix[right])
      row[guess] = (row[guess] ?? 0) + 1
      return right === guess ? [] : [`${labels[right]}: ${labels[guess]}`]
    })
    return { labels, matrix, wrong, accuracy: percent(1 - wrong.length / entries.length) }
  }

  try {
    const [stamps, emoji, photographs] = await Promise.all(['stamps', 'emoji', 'photographs'].map(readShards))
    if (!stamps || !emoji || !photographs) throw new Error('unreachable')
    const top = await classified(stamps, ({ tags }) => tags[0] ?? '')
    const fine = await classified(stamps, ({ tags }) => tags.slice(0, 2).join('/'))
    const photos = await classified(photographs, ({ label }) => label)
    /** @type {Record<string, Awaited<ReturnType<typeof retrieval>>>} */
    const inLanguages = {}
    for (const language of languages) inLanguages[language] = await retrieval(stamps, '{}', language)
    return {
      stamps: await retrieval(stamps, 'a photo of {}'),
      stampsBare: await retrieval(stamps, '{}'),
      ...(languages.length > 0 && { languages: inLanguages }),
      emoji: await retrieval(emoji, '{}'),
      photographs: { right: photographs.length - photos.wrong.length, of: photographs.length, wrong: photos.wrong },
      categories: { top: top.accuracy, of: top.labels.length, fine: fine.accuracy, ofFine: fine.labels.length },
      confusion: { labels: top.labels, matrix: top.matrix },
    }
  } finally {
    await model.dispose()
  }
}

/** @param {string} folder @param {Awaited<ReturnType<typeof judge>>} judgement */
export async function write(folder, { confusion, ...figures }) {
  await writeFile(`${folder}/judgement.json`, `${JSON.stringify(figures, null, 2)}\n`)
  await writeFile(`${folder}/stamps-confusion.svg`, confusionSvg(confusion.labels, confusion.matrix))
  console.log(figures)
}

const [, program = '', folder] = process.argv
if (import.meta.url === pathToFileURL(program).href) {
  if (!folder) throw new Error('Give the folder of a model.')
  await write(folder, await judge(folder))
}
