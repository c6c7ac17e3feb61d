/** Where a command writes, and what ends it. */
export interface Terminal {
  /** Results. */
  readonly out: (text: string) => void
  /** Everything that is no result: progress, warnings, errors. */
  readonly err: (text: string) => void
  /** Whether `err` is a terminal, on which a line may be written over. */
  readonly interactive: boolean
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

/** A process's exit code: done, failed, misused, done in part, interrupted. */
export type ExitCode = 0 | 1 | 2 | 3 | 130

export const EXIT = { ok: 0, failed: 1, usage: 2, partial: 3, interrupted: 130 } as const satisfies Record<
  string,
  ExitCode
>
