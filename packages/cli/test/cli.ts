import { fileURLToPath } from 'node:url'
import { run } from '../src/index'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
export const fixture = (path: string): string => `${ROOT}parity-tests/${path}`
export const SAMPLES = fixture('models/emoji-vit-bert/samples')

// The small model, unless a test takes the one that ships.
process.env.DUAL_ENCODER_MODEL ??= fixture('models/emoji-vit-bert')

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  /** Lines of `--json`. */
  readonly values: Record<string, unknown>[]
}

/** Runs a command line in this process. */
export async function cli(...args: string[]): Promise<Ran> {
  let [out, err] = ['', '']
  const code = await run(args, {
    out: (text) => (out += text),
    err: (text) => (err += text),
    interactive: false,
    signal: new AbortController().signal,
  })
  const values = args.includes('--json') && code !== 1 ? out.split('\n').filter(Boolean) : []
  return { code, out, err, values: values.map((line) => JSON.parse(line) as Record<string, unknown>) }
}
