import type { SourceLike, TargetLike } from '@dual-encoder/core'
import { openSource } from '@dual-encoder/core/backend'
import { LogFile } from './log-file'
import type { Metrics, MetricsWriter } from './metrics'

export interface FileWriterOptions {
  /** Steps between writes of the file. Default: 50. */
  every?: number
  /** What an earlier part of the run wrote (`readMetrics`); goes before. */
  before?: readonly Metrics[]
}

/** Writes what lies in between when so many steps have passed, and the rest at the end. */
export function buffered(file: LogFile, every: number, encode: (metrics: Metrics) => Uint8Array): MetricsWriter {
  let last: number | undefined
  return {
    async write(metrics) {
      file.add(encode(metrics))
      last ??= metrics.step - 1
      if (metrics.step - last < every) return
      last = metrics.step
      await file.flush()
    },
    close: () => file.flush(),
  }
}

const line = (metrics: Metrics): Uint8Array => new TextEncoder().encode(`${JSON.stringify(metrics)}\n`)

/** Metrics as JSON lines, `metrics.jsonl` in a folder. */
export function jsonLines(folder: TargetLike, { every = 50, before = [] }: FileWriterOptions = {}): MetricsWriter {
  const text = before.map((metrics) => `${JSON.stringify(metrics)}\n`).join('')
  return buffered(new LogFile(folder, 'metrics.jsonl', new TextEncoder().encode(text)), every, line)
}

/** What `jsonLines` wrote, up to a step (what came after a checkpoint comes again when the run resumes from it). */
export async function readMetrics(folder: SourceLike, upTo = Infinity): Promise<Metrics[]> {
  const bytes = await (await openSource(folder)).read('metrics.jsonl')
  return new TextDecoder()
    .decode(bytes)
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Metrics)
    .filter(({ step }) => step <= upTo)
}
