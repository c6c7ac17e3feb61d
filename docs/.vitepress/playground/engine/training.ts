import { sentenceOf, type Tensor, tensor, topK, type VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import type { TrainingInputs, TrainingRun } from '@dual-encoder/core/training'
import type { OnnxModel } from '@dual-encoder/onnx'
import {
  DataLoader,
  fewLengths,
  lit,
  optimizerOf,
  planOf,
  type Rules,
  scheduleOf,
  updateRule,
} from '@dual-encoder/train'
import { MemoryFolder } from './models.ts'
import type { Trained, TrainOptions, TrainProgress } from './protocol.ts'

/** Of the pictures of a label, every so manieth is kept aside. */
const HELD_OUT = 3
const BATCH = 8

const RULES: Readonly<Record<TrainOptions['learns'], Rules>> = {
  everything: [['.*', 1]],
  words: lit('LU').rules,
  projections: [
    ['(visual|text)_projection\\..*|logit_.*', 1],
    ['.*', null],
  ],
}

type Item = TrainOptions['items'][number]

/** Pictures to learn from, and pictures to judge by, of every label some. */
function split(items: readonly Item[]): { learned: Item[]; heldOut: Item[] } {
  const labels = [...new Set(items.map(({ label }) => label))]
  if (labels.length < 2) throw new Error('Give at least two different labels.')
  const sets = labels.map((label) => items.filter((item) => item.label === label))
  const short = sets.find((set) => set.length < HELD_OUT)
  if (short) throw new Error(`“${short[0]!.label}” has ${short.length} of the ${HELD_OUT} pictures that it needs.`)
  const isKept = (_: Item, i: number) => i % HELD_OUT === HELD_OUT - 1
  return {
    learned: sets.flatMap((set) => set.filter((item, i) => !isKept(item, i))),
    heldOut: sets.flatMap((set) => set.filter(isKept)),
  }
}

/** Tunes a model on ONNX Runtime, and writes what Python loads. */
export async function train(
  files: readonly File[],
  processor: VisionTextDualEncoderProcessor,
  pictureOf: (id: string) => Blob,
  { items, epochs, learningRate, learns, template }: TrainOptions,
  told: (progress: TrainProgress) => void,
  signal: AbortSignal,
): Promise<Trained & { readonly folder: MemoryFolder }> {
  const { AutoModel } = await import('@dual-encoder/onnx')
  const { learned, heldOut } = split(items)
  const labels = [...new Set(items.map(({ label }) => label))]
  const sentence = (label: string) => sentenceOf(template, label)
  const started = performance.now()
  const model = (await AutoModel.fromPretrained(files)) as OnnxModel
  const optimizer = optimizerOf({ name: 'adamw', weightDecay: 0.05 })
  const { trained } = planOf(model.parameterShapes, RULES[learns])
  const rule = updateRule({ optimizer, trained, clip: 1 })
  const run = await model.train({ trained: trained.map(({ name }) => name), rule })
  const padded = fewLengths({ processor, model })
  const pictures = sideOf(model, 'vision', learns !== 'everything', (ids) =>
    processor({ images: ids.map((id) => pictureOf(id)) }),
  )
  const texts = sideOf(model, 'text', learns === 'projections', (some) =>
    padded({ text: [...some], padding: true, truncation: true }),
  )
  /** Made when they are needed: those of a locked tower are there already. */
  const none = { prepare: () => undefined, batch: () => Promise.resolve({}) }
  const judge = async (some: readonly Item[]) =>
    judgement(run, await texts(labels.map(sentence)), await pictures(some.map(({ id }) => id)), labels, some)
  try {
    const data = learned.map(({ id, label }) => ({ text: sentence(label), key: id }))
    const batchSize = Math.min(BATCH, learned.length)
    const steps = epochs * Math.floor(learned.length / batchSize)
    const rate = scheduleOf(steps, { kind: 'cosine', warmup: Math.min(5, Math.floor(steps / 5)) })
    const first = await judge(heldOut)
    told({ step: 0, steps, heldOut: first.accuracy, learned: (await judge(learned)).accuracy })
    let [step, last] = [0, first]
    const perEpoch = Math.max(1, steps / epochs)
    for await (const batch of new DataLoader<object>(
      data,
      { images: none, texts: none },
      { batchSize, epochs, seed: 1, bad: 'error' },
    )) {
      // Where nothing else waits, a message that says stop is not heard.
      await new Promise((done) => setTimeout(done))
      signal.throwIfAborted()
      const { positives, samples, keys, texts: sentences } = batch
      const n = samples.length
      const { loss } = await run.step(
        { ...(await pictures(keys)), ...(await texts(sentences)), positives: tensor(positives, [n, n]) },
        { numbers: optimizer.numbers(step + 1, learningRate * rate(step)), dropoutSeed: step },
      )
      step++
      const isLooked = step === steps || step % perEpoch === 0
      if (isLooked) last = await judge(heldOut)
      told({
        ...{ step, steps, loss },
        ...(isLooked && { heldOut: last.accuracy, learned: (await judge(learned)).accuracy }),
      })
    }
    const folder = new MemoryFolder()
    await run.savePretrained(folder)
    await processor.savePretrained(folder)
    return {
      before: first.accuracy,
      after: last.accuracy,
      heldOut: heldOut.map((item, i) => ({ ...item, given: labels[last.given[i]!]! })),
      trainedOn: learned.length,
      seconds: (performance.now() - started) / 1000,
      bytes: [...folder.files.values()].reduce((sum, { size }) => sum + size, 0),
      folder,
    }
  } finally {
    await run.dispose()
    await model.dispose()
  }
}

/** What a run takes of one side of samples. Of a tower that is locked, what it computes: once for each. */
function sideOf(
  model: OnnxModel,
  kind: 'vision' | 'text',
  locked: boolean,
  inputsOf: (some: readonly string[]) => Promise<object>,
): (some: readonly string[]) => Promise<TrainingInputs> {
  const kept = new Map<string, Tensor<'float32'>>()
  return async (some) => {
    if (!locked) return (await inputsOf(some)) as TrainingInputs
    for (const one of some)
      if (!kept.has(one)) kept.set(one, await model.outputBelow(kind, await inputsOf([one]), 'pooled'))
    const rows = tensor(
      some.flatMap((one) => [...kept.get(one)!.data]),
      [some.length, kept.get(some[0]!)!.data.length],
    )
    return kind === 'vision' ? { imagePooled: rows } : { textPooled: rows }
  }
}

/** Which label each picture gets, by the weights as they are now. */
async function judgement(
  run: TrainingRun,
  sentences: TrainingInputs,
  pictures: TrainingInputs,
  labels: readonly string[],
  items: readonly Item[],
): Promise<{ accuracy: number; given: number[] }> {
  const [texts, images] = [await run.embed('text', sentences), await run.embed('vision', pictures)]
  const given = topK(images, texts, 1).map(([best]) => best!.index)
  return { accuracy: given.filter((at, i) => labels[at] === items[i]!.label).length / items.length, given }
}
