import { readFile } from 'node:fs/promises'
import { embedImages, labelProbabilities, OptionError, tensor, ZeroShotClassifier } from '@dual-encoder/core'
import type { Context, LoadFlags } from '../context'
import { loadModel } from '../model'
import { findPictures, skippedLine } from '../pictures'
import { addressOf } from '../places/bucket'
import { EXIT, type ExitCode } from '../terminal'

export interface ClassifyFlags extends LoadFlags {
  readonly labels?: string[]
  readonly labelsFile?: string
  readonly template?: string[]
  readonly top: number
  readonly batchSize: number
}

/** Labels pictures by the sentences that are nearest to them. */
export async function classify(given: readonly string[], flags: ClassifyFlags, context: Context): Promise<ExitCode> {
  const labels = await labelsOf(flags)
  const { pictures, skipped } = await findPictures(given)
  context.say(skippedLine(skipped))
  await using loaded = await loadModel(context, flags)
  const { model, processor } = loaded
  const { signal } = context
  const templates = flags.template ? { templates: flags.template } : {}
  const classifier = await ZeroShotClassifier.create(model, processor, { labels, signal, ...templates })
  const progress = context.progress('classify')
  const items = await Promise.all(pictures.map(async (id) => ({ id, image: await addressOf(id) })))
  let [done, failed] = [0, 0]
  for await (const { id, embedding, error } of embedImages(model, processor, items, {
    batchSize: flags.batchSize,
    signal,
  })) {
    progress.update(++done, pictures.length)
    if (!embedding) {
      failed++
      context.print(`${id}: ${error.message}`, { picture: id, error: errorOf(error) })
      continue
    }
    const image = tensor(embedding, [1, embedding.length])
    const shares = (await labelProbabilities(model, image, classifier.weights)).data
    const best = classifier
      .classify(image, flags.top)[0]!
      .map(({ label, index, score }) => ({ label, probability: round(shares[index]!), score: round(score) }))
    const line = best.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)}%`).join(', ')
    context.print(`${id}: ${line}`, { picture: id, labels: best })
  }
  return failed > 0 ? EXIT.partial : EXIT.ok
}

async function labelsOf({ labels = [], labelsFile }: ClassifyFlags): Promise<string[]> {
  const lines = labelsFile === undefined ? [] : (await readFile(labelsFile, 'utf8')).split('\n')
  const all = [...labels.flatMap((label) => label.split(',')), ...lines].map((label) => label.trim()).filter(Boolean)
  if (all.length === 0) throw new OptionError('no-labels', 'No labels were given. Use --labels or --labels-file.')
  return [...new Set(all)]
}

const round = (value: number): number => Number(value.toFixed(4))

const errorOf = (error: Error & { code?: string }): { code: string; message: string } => ({
  code: error.code ?? 'error',
  message: error.message,
})
