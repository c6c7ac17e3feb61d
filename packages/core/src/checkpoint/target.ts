import { platform } from '#platform'
import { SourceError } from '../errors'
import { checkName } from './source'

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** Receives files by name. A file counts as written when the promise resolves. */
export interface Writer {
  write(name: string, chunks: Chunks): Promise<void>
}

/** Where a checkpoint is written: a folder's path, a folder picked in a browser, or a writer. */
export type TargetLike = string | FileSystemDirectoryHandle | Writer

export async function openTarget(target: TargetLike): Promise<Writer> {
  if (typeof target === 'string')
    return { write: async (name, chunks) => platform.writeFile(platform.joinPath(target, checkName(name)), chunks) }
  if (typeof (target as Writer | undefined)?.write === 'function') return target as Writer
  if (typeof (target as FileSystemDirectoryHandle | undefined)?.getFileHandle === 'function')
    return handleWriter(target as FileSystemDirectoryHandle)
  throw new SourceError(
    'bad-target',
    `A target must be a folder's path, a FileSystemDirectoryHandle or an object { write(name, chunks) }; ${typeof target} was given.`,
  )
}

const handleWriter = (folder: FileSystemDirectoryHandle): Writer => ({
  async write(name, chunks) {
    const file = await folder.getFileHandle(checkName(name), { create: true })
    // Written aside by the browser and put in place by close().
    const stream = await file.createWritable()
    try {
      for await (const chunk of chunks) await stream.write(chunk as Uint8Array<ArrayBuffer>)
    } catch (error) {
      await stream.abort()
      throw error
    }
    await stream.close()
  },
})
