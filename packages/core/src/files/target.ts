import { platform } from '#platform'
import { SourceError } from '../base/errors'
import type { StagedFile } from '../platform/platform'
import { checkName } from './file-name'
import { type DirectoryHandle, isDirectoryHandle, parentIn, unlessAbsent } from './handles'

/** Receives files by name. A file counts as written when the promise resolves. */
export interface Writer {
  write(name: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>
}

/** Where a checkpoint is written: a folder's path, a folder picked in a browser, or a writer. */
export type TargetLike = string | DirectoryHandle | Writer

/** A target made ready to write to. */
export interface Target extends Writer {
  /** Writes a file aside, so that several can take their places together (a plain writer gets it at once). */
  stage(...file: Parameters<Writer['write']>): Promise<StagedFile>
  /** Removes a file, or in Node a folder, where there is one (a plain writer holds none). */
  remove(name: string): Promise<void>
}

export async function openTarget(target: TargetLike): Promise<Target> {
  if (typeof target === 'string') return folderTarget(target)
  if (typeof (target as Target | undefined)?.write === 'function')
    return 'stage' in target ? (target as Target) : writerTarget(target as Writer)
  if (isDirectoryHandle(target)) return handleTarget(target)
  throw new SourceError(
    'bad-target',
    `A target must be a folder's path, a FileSystemDirectoryHandle or an object { write(name, chunks) }; ${typeof target} was given.`,
  )
}

const staging = (stage: Target['stage'], remove: Target['remove']): Target => ({
  stage: (name, chunks) => stage(checkName(name), chunks),
  remove: (name) => remove(checkName(name)),
  write: async (name, chunks) => (await stage(checkName(name), chunks)).commit(),
})

const folderTarget = (folder: string): Target =>
  staging(
    (name, chunks) => platform.stageFile(platform.joinPath(folder, name), chunks),
    (name) => platform.removeFile(platform.joinPath(folder, name)),
  )

function handleTarget(folder: DirectoryHandle): Target {
  const remove = async (name: string): Promise<void> => {
    const [within, own] = await parentIn(folder, name)
    await within?.removeEntry(own, { recursive: true }).catch(unlessAbsent)
  }
  return staging(async (name, chunks) => {
    const [within, own] = await parentIn(folder, name, { create: true })
    const there = await within.getFileHandle(own).catch(unlessAbsent)
    const file = there ?? (await within.getFileHandle(own, { create: true }))
    // Written aside by the browser and put in place by close().
    const stream = await file.createWritable()
    const discard = async () => {
      await stream.abort()
      if (!there) await remove(name)
    }
    try {
      for await (const chunk of chunks) await stream.write(chunk as Uint8Array<ArrayBuffer>)
    } catch (error) {
      await discard()
      throw error
    }
    return { commit: () => stream.close(), discard }
  }, remove)
}

/** @param remove what is done where a file has to go that an earlier save may have left */
export const writerTarget = (writer: Writer, remove: Target['remove'] = () => Promise.resolve()): Target =>
  staging(async (name, chunks) => {
    await writer.write(name, chunks)
    return { commit: () => Promise.resolve(), discard: () => Promise.resolve() }
  }, remove)
