/** The command line, for programs that run it in their own process. */
export { run } from './run'
export type { ExitCode, Terminal } from './terminal'
