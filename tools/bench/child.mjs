import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/**
 * A process that answers lines of JSON, one a line.
 * @param {string} command
 * @param {readonly string[]} args
 */
export function startChild(command, args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  // That it ended is said by the answer that does not come.
  child.stdin.on('error', () => undefined)
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${command} ${args.join(' ')} ended before it answered.`)
    return JSON.parse(value)
  }
  return {
    /** An answer that comes unasked. */
    next,
    ask: (/** @type {unknown} */ request) => (child.stdin.write(`${JSON.stringify(request)}\n`), next()),
    stop: () => child.kill(),
  }
}

/**
 * The other end: answers each line of JSON until there are no more.
 * @template Asked
 * @param {(request: Asked) => Promise<unknown>} answer
 */
export async function answerLines(answer) {
  for await (const line of createInterface({ input: process.stdin })) say(await answer(JSON.parse(line)))
}

/** An answer, which may come unasked. */
export const say = (/** @type {unknown} */ answer) => console.log(JSON.stringify(answer))
