import { DualEncoderError } from '@dual-encoder/core'
import { CommanderError } from 'commander'
import { programOf } from './program'
import { EXIT, type ExitCode, type Terminal } from './terminal'

/** Runs a command line, without the program's name. @returns the exit code: 0 done, 1 failed, 2 misused, 3 done in part, 130 interrupted */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok
  try {
    await programOf(terminal, (ended) => (code = ended)).parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (terminal.signal.aborted) {
      terminal.err('Interrupted. The same command goes on from here.\n')
      return EXIT.interrupted
    }
    const named = error instanceof DualEncoderError || (error as NodeJS.ErrnoException).syscall !== undefined
    const { code: kind = 'error', message, docs, stack } = error as Error & { code?: string; docs?: string }
    if (args.includes('--json')) terminal.err(`${JSON.stringify({ error: { code: kind, message, docs } })}\n`)
    else {
      // Node's own errors begin with their code.
      const said = message.startsWith(`${kind}: `) ? message : `${kind}: ${message}`
      terminal.err(`${named ? said : (stack ?? message)}\n${docs ? `Documentation: ${docs}\n` : ''}`)
    }
    return EXIT.failed
  }
}
