import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { pid } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

/** How often a holder shows that it lives, and how long it may be silent: it may be on another machine. */
const BEAT = 5_000
const SILENCE = 60_000
const POLL = 50

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? ''

/** Whether the process that left this lock is gone. */
async function isLeft(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  const about = await stat(path).catch(() => undefined)
  if (text === undefined || !about) return false
  if (Date.now() - about.mtimeMs > SILENCE) return true
  const [host, process] = text.split(' ')
  if (host !== hostname() || !Number(process)) return false
  try {
    globalThis.process.kill(Number(process), 0)
    return false
  } catch (error) {
    return codeOf(error) === 'ESRCH'
  }
}

/**
 * Runs `action` while no other process of ours runs one for the same path. It saves second downloads; nothing rests on
 * it: files are written aside and checked. So where no lock can be made (a read-only disk), there is none.
 */
export async function withLock<T>(path: string, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
  const held = await take(path, signal)
  const show = () => void utimes(path, new Date(), new Date()).catch(() => undefined)
  const beat = held === undefined ? undefined : setInterval(show, BEAT).unref()
  try {
    return await action()
  } finally {
    clearInterval(beat)
    // One that was taken for dead has lost its lock to another.
    if (held && (await readFile(path, 'utf8').catch(() => undefined)) === held) await rm(path, { force: true })
  }
}

/** @returns what marks the lock as ours; undefined where there can be none */
async function take(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const mark = `${hostname()} ${pid} ${randomUUID()}`
  for (;;) {
    signal?.throwIfAborted()
    try {
      await mkdir(dirname(path), { recursive: true })
      const file = await open(path, 'wx')
      await file.writeFile(mark).finally(() => file.close())
      return mark
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') return undefined
    }
    // Of two that find it left, one gets it out of the way.
    const aside = `${path}.${randomUUID()}`
    if (await isLeft(path))
      await rename(path, aside).then(
        () => rm(aside, { force: true }),
        () => undefined,
      )
    else await sleep(POLL, undefined, { signal }).catch(() => undefined)
  }
}
