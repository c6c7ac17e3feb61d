import { readMetrics, jsonLines } from '../metrics/jsonl'
import type { Metrics, MetricsWriter } from '../metrics/metrics'
import { progressLine } from '../metrics/progress'
import { htmlReport } from '../metrics/report'
import { tensorBoard } from '../metrics/tensorboard'
import { type Folder, folderOf } from '../files'

const REPORT = 'report.html'

/** What a run measures: a line in the terminal; in its folder JSON lines, a page with curves, TensorBoard's events. */
export class RunLog {
  readonly #metrics: Metrics[]
  readonly #writers: readonly MetricsWriter[]

  private constructor(
    before: readonly Metrics[],
    writers: readonly MetricsWriter[],
    private readonly output: Folder | undefined,
    private readonly settings: Readonly<Record<string, unknown>>,
  ) {
    this.#metrics = [...before]
    this.#writers = writers
  }

  /** @param done steps of earlier parts of the run, whose lines are kept */
  static async open(
    output: Folder | undefined,
    options: { readonly steps: number; readonly done: number; readonly progress?: boolean; readonly settings: object },
  ): Promise<RunLog> {
    const { steps, done, progress } = options
    const line = progress === false ? [] : [progressLine({ steps, ...(progress ? {} : onTerminal()) })]
    const settings = { ...options.settings } as Readonly<Record<string, unknown>>
    if (output === undefined) return new RunLog([], line, output, settings)
    const folder = folderOf(output)
    const source = await folder.source()
    const before = source && done > 0 ? await readMetrics(source, done) : []
    const target = await folder.target()
    const events = await folderOf(output, 'tensorboard').target()
    return new RunLog(
      before,
      [...line, jsonLines(target, { before }), tensorBoard(events, { before })],
      output,
      settings,
    )
  }

  async write(metrics: Metrics): Promise<void> {
    // The page shows all of them; without a folder there is none, and a long run must not grow by them.
    if (this.output !== undefined) this.#metrics.push(metrics)
    for (const writer of this.#writers) await writer.write(metrics)
  }

  /** Writes what is held back, and the page. */
  async flush(): Promise<void> {
    for (const writer of this.#writers) await writer.close?.()
    if (this.output === undefined) return
    const page = htmlReport(this.#metrics, { settings: this.settings })
    await (await folderOf(this.output).target()).write(REPORT, [new TextEncoder().encode(page)])
  }
}

const isTerminal = (globalThis as { process?: { stderr?: { isTTY?: boolean } } }).process?.stderr?.isTTY ?? false
const onTerminal = () => (isTerminal ? {} : { write: () => undefined })
