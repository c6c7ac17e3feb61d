import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { builtBin } from './bin'
import { fixture } from './cli'

export interface Program {
  readonly child: ChildProcess
  /** Its lines of JSON so far. */
  readonly lines: Record<string, unknown>[]
  readonly ended: Promise<number | null>
}

/** Begins a command line in a process of its own, once its first line has come where it is a worker. */
export async function program(...args: string[]): Promise<Program> {
  const env = { ...process.env, DUAL_ENCODER_MODEL: fixture('models/emoji-vit-bert') }
  const child = spawn(process.execPath, [await builtBin('queue'), ...args, '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: Record<string, unknown>[] = []
  let text = ''
  child.stdout.on('data', (data) => {
    const whole = (text + String(data)).split('\n')
    text = whole.pop()!
    lines.push(...whole.map((line) => JSON.parse(line) as Record<string, unknown>))
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  if (args[0] === 'worker') await once(child.stdout, 'data')
  return { child, lines, ended }
}
