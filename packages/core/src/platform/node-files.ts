import { randomUUID } from 'node:crypto'
import { mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LocalFile, Platform } from './platform'

const absent = (error: unknown): undefined => {
  if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
  throw error
}

async function readFile(path: string, range?: readonly [number, number]): Promise<Uint8Array | undefined> {
  const file = await open(path).catch(absent)
  if (!file) return undefined
  try {
    if (!range) return await file.readFile()
    const [start, end] = range
    const { size } = await file.stat()
    const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start))
    let done = 0
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, 2 ** 30), start + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } finally {
    await file.close()
  }
}

async function locateFile(path: string): Promise<LocalFile | undefined> {
  const real = await realpath(path).catch(absent)
  if (real === undefined) return undefined
  const { size } = await stat(real)
  return { folder: dirname(real), name: basename(real), size }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(absent))?.isDirectory() ?? false
}

async function writeFile(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const aside = `${path}.${randomUUID()}.part`
  const file = await open(aside, 'wx')
  try {
    for await (const chunk of chunks) {
      for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten
    }
    await file.close()
    await rename(aside, path)
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(aside, { force: true })
    throw error
  }
}

/** The file half of the platform, on Node's file system. */
export const nodeFiles = { readFile, locateFile, isFolder, writeFile, joinPath: join } satisfies Partial<Platform>
