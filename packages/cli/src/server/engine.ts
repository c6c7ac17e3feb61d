import { type MessagePort, parentPort, Worker } from 'node:worker_threads'
import { DualEncoderError, type LossType } from '@dual-encoder/core'
import type { Loaded } from '../model'

/** Unit vectors, or why there is none, in the order of what was given. */
export type Answer = { readonly vector: Float32Array } | { readonly code: string; readonly message: string }

export interface Answers {
  readonly answers: readonly Answer[]
  /** Of texts, with padding left out. */
  readonly tokens: number
}

/** What a server asks of a model, wherever it runs. */
export interface Engine {
  texts(texts: readonly string[]): Promise<Answers>
  pictures(files: readonly Uint8Array[]): Promise<Answers>
  /** What cosines are multiplied with, what is added, and what tells probabilities from that. */
  logits(): Promise<{ readonly scale: number; readonly bias: number; readonly loss: LossType }>
  close(): Promise<void>
}

/** The engine in this thread, which it blocks while it computes. */
export function localEngine({ model, processor }: Pick<Loaded, 'model' | 'processor'>): Engine {
  const rows = ({ data, dims }: { data: Float32Array; dims: readonly number[] }) =>
    Array.from({ length: dims[0]! }, (_, i) => ({ vector: data.slice(i * dims[1]!, (i + 1) * dims[1]!) }))
  return {
    async texts(texts) {
      const inputs = await processor({ text: [...texts], truncation: true })
      const answers = rows(await model.getTextFeatures(inputs, { normalize: true }))
      return { answers, tokens: inputs.attentionMask.data.reduce((sum, value) => sum + Number(value), 0) }
    },
    async pictures(files) {
      const { pixelValues, indices = [], errors = [] } = await processor.imageProcessor([...files], { onError: 'skip' })
      const vectors =
        indices.length === 0 ? [] : rows(await model.getImageFeatures({ pixelValues }, { normalize: true }))
      const answers: Answer[] = []
      indices.forEach((place, row) => (answers[place] = vectors[row]!))
      for (const { index, error } of errors) answers[index] = { code: error.code, message: error.message }
      return { answers, tokens: 0 }
    },
    async logits() {
      const [scale, bias] = [await model.logitScale(), await model.logitBias()]
      return { scale: Math.exp(scale.data[0]!), bias: bias?.data[0] ?? 0, loss: model.config.loss }
    },
    close: () => model.dispose(),
  }
}

type Call = 'texts' | 'pictures' | 'logits' | 'close'
interface Request {
  readonly id: number
  readonly call: Call
  readonly given: never
}
interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

/** Answers for an engine that another thread asks. */
export function answerEngine(engine: Promise<Engine>, port: MessagePort | null = parentPort): void {
  port?.on('message', ({ id, call, given }: Request) => {
    void engine
      .then((ready) => ready[call](given) as Promise<unknown>)
      .then(
        (value): Reply => ({ id, value }),
        (error: Error & { code?: string }): Reply => ({
          id,
          error: { code: error.code ?? 'error', message: error.message },
        }),
      )
      .then((reply) => {
        port.postMessage(reply)
        if (call === 'close') port.close()
      })
  })
}

/** The engine on a thread of its own, which runs this program's file again. */
export function threadEngine(file: string, flags: object): Engine {
  const worker = new Worker(file, { workerData: { engine: flags } })
  const waiting = new Map<number, { done: (value: never) => void; fail: (error: Error) => void }>()
  const failAll = (error: Error) => {
    for (const { fail } of waiting.values()) fail(error)
    waiting.clear()
  }
  worker.on('message', ({ id, value, error }: Reply) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error) call?.fail(new DualEncoderError(error.code, error.message))
    else call?.done(value as never)
  })
  worker.on('error', failAll)
  worker.on('exit', () => failAll(new DualEncoderError('engine-ended', 'The engine has ended.')))
  let last = 0
  const ask = <T>(call: Call, given?: unknown): Promise<T> =>
    new Promise<T>((done, fail) => {
      waiting.set(++last, { done: done as (value: never) => void, fail })
      worker.postMessage({ id: last, call, given })
    })
  return {
    texts: (texts) => ask('texts', texts),
    pictures: (files) => ask('pictures', files),
    logits: () => ask('logits'),
    close: () => ask('close'),
  }
}
