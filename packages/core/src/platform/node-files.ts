import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, sep } from 'node:path'
import { SourceError } from '../base/errors'
import type { LocalFile, Platform, Spooled, StagedFile } from './platform'

const READ = { code: 'not-readable' }
const WRITE = { code: 'not-writable' }

/** What the file system says, as a typed error; whatever else went wrong passes unchanged. */
const failed =
  ({ code }: { readonly code: string }, path: string) =>
  (error: unknown) => {
    if (!(error as NodeJS.ErrnoException).syscall) throw error
    throw new SourceError(code, `${path} is ${code.replace('-', ' ')}: ${(error as Error).message}.`, { cause: error })
  }

const unlessAbsent = (path: string) => (error: unknown) =>
  ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '')
    ? undefined
    : failed(READ, path)(error)

async function readFile(path: string, range?: readonly [number, number]): Promise<Uint8Array | undefined> {
  const file = await open(path).catch(unlessAbsent(path))
  if (!file) return undefined
  try {
    if (!range) return await file.readFile()
    return await readPart(file, range[0], Math.min(range[1], (await file.stat()).size))
  } catch (error) {
    return failed(READ, path)(error)
  } finally {
    await file.close()
  }
}

async function readPart(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.max(0, end - start))
  let done = 0
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, 2 ** 30), start + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}

/** Of a mapped file Linux takes into memory as much at once as was written at once: of a table of words few rows are read. */
const PIECE = 2 ** 18

/** @returns how many bytes were written */
async function writeAll(file: FileHandle, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0
  for await (const chunk of chunks) {
    let done = 0
    while (done < chunk.length)
      done += (await file.write(chunk, done, Math.min(PIECE, chunk.length - done))).bytesWritten
    size += chunk.length
  }
  return size
}

const spools = new FinalizationRegistry<FileHandle>((file) => void file.close().catch(() => undefined))

/** A file without a name, whose space is given back when it is closed, or when the process ends. */
async function spool(chunks: AsyncIterable<Uint8Array>): Promise<Spooled> {
  const path = join(tmpdir(), `dual-encoder-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600).catch(failed(WRITE, path))
  try {
    await rm(path)
    const size = await writeAll(file, chunks)
    const spooled: Spooled = { size, read: (start, end) => readPart(file, start, Math.min(end, size)) }
    spools.register(spooled, file)
    return spooled
  } catch (error) {
    await file.close()
    return failed(WRITE, path)(error)
  }
}

async function locateFile(path: string): Promise<LocalFile | undefined> {
  const real = await realpath(path).catch(unlessAbsent(path))
  if (real === undefined) return undefined
  const { size, mtimeMs: modified } = await stat(real)
  return { folder: dirname(real), name: basename(real), size, modified }
}

async function listFolder(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(failed(READ, path))
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => relative(path, join(parentPath, name)).replaceAll(sep, '/'))
    .sort()
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(unlessAbsent(path)))?.isDirectory() ?? false
}

async function stageFile(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<StagedFile> {
  const aside = `${path}.${randomUUID()}.part`
  const discard = () => rm(aside, { force: true })
  const commit = () =>
    rename(aside, path).catch(async (error: unknown) => {
      await discard()
      failed(WRITE, path)(error)
    })
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(aside, 'wx')
    try {
      await writeAll(file, chunks)
    } finally {
      await file.close()
    }
  } catch (error) {
    await discard().catch(() => undefined)
    failed(WRITE, path)(error)
  }
  return { commit, discard }
}

const removeFile = (path: string): Promise<void> =>
  rm(path, { force: true, recursive: true }).catch(failed(WRITE, path))

/** The file half of the platform, on Node's file system. */
export const nodeFiles = {
  readFile,
  locateFile,
  isFolder,
  listFolder,
  stageFile,
  removeFile,
  spool,
  joinPath: join,
} satisfies Partial<Platform>
