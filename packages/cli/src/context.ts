import type { Progress as LoadProgress, SourceOptions, WarningListener } from '@dual-encoder/core'
import { Progress } from './progress'
import type { Terminal } from './terminal'

/** What every command is given: the terminal, and whether a person or a program reads. */
export class Context {
  readonly terminal: Terminal
  readonly json: boolean
  /** Progress that is shown; the last one, where there are several. */
  #progress: Progress | undefined

  constructor(terminal: Terminal, json: boolean) {
    this.terminal = terminal
    this.json = json
  }

  get signal(): AbortSignal {
    return this.terminal.signal
  }

  /** A result: lines for people, or one line of JSON for programs. */
  print(lines: string | readonly string[], value: unknown): void {
    this.endProgress()
    const text = this.json ? JSON.stringify(value) : typeof lines === 'string' ? lines : lines.join('\n')
    this.terminal.out(`${text}\n`)
  }

  /** What is no result. */
  say(line: string | undefined): void {
    if (line === undefined || this.json) return
    this.endProgress()
    this.terminal.err(`${line}\n`)
  }

  readonly onWarning: WarningListener = ({ message }) => this.say(`Warning: ${message}`)

  /** Begins to show progress: nothing is shown to programs. */
  progress(title: string): Pick<Progress, 'update'> {
    this.endProgress()
    if (this.json) return { update: () => undefined }
    return (this.#progress = new Progress(this.terminal, title))
  }

  endProgress(): void {
    this.#progress?.end()
    this.#progress = undefined
  }

  /** Options of whatever is loaded: ended by Ctrl-C, and its progress shown where something is fetched. */
  sourceOptions(options: LoadFlags): SourceOptions {
    const { revision, offline } = options
    let shown: { file: string; progress: Pick<Progress, 'update'> } | undefined
    return {
      signal: this.signal,
      ...(revision === undefined ? {} : { revision }),
      ...(offline ? { localFilesOnly: true } : {}),
      onProgress: ({ file, loaded, total }: LoadProgress) => {
        if (shown?.file !== file) shown = { file, progress: this.progress(file) }
        shown.progress.update(loaded, total)
      },
    }
  }
}

/** Flags of commands that load a model. */
export interface LoadFlags {
  readonly model?: string
  readonly revision?: string
  readonly offline?: boolean
  readonly threads?: number
}
