import { OptionError, SourceError } from '@dual-encoder/core'
import type { Files } from '../stores/saved'

const FOLDER = 'dual-encoder-search'

async function folderOf(place: string, create: boolean): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory()
  const all = await root.getDirectoryHandle(FOLDER, { create })
  return all.getDirectoryHandle(encodeURIComponent(place), { create })
}

const hasFiles = (): boolean => typeof navigator !== 'undefined' && !!navigator.storage?.getDirectory

/** Whether this origin keeps an index of that name. */
export const isKept = (place: string): Promise<boolean> =>
  hasFiles()
    ? folderOf(place, false).then(
        () => true,
        () => false,
      )
    : Promise.resolve(false)

/** The files of an index in the origin's private file system. One page has it at a time. */
export async function openFiles(place: string): Promise<Files> {
  if (!hasFiles())
    throw new OptionError('no-opfs', 'This page has no file system (it needs https or localhost). Open "memory:".')
  const release = await lock(place)
  try {
    const folder = await folderOf(place, true)
    return {
      async names() {
        const names: string[] = []
        for await (const name of folder.keys()) names.push(name)
        return names
      },
      async read(name) {
        const file = await (await folder.getFileHandle(name)).getFile()
        return new Uint8Array(await file.arrayBuffer())
      },
      async write(name, bytes) {
        // What is written appears as a whole when it is closed.
        const stream = await (await folder.getFileHandle(name, { create: true })).createWritable()
        await stream.write(bytes)
        await stream.close()
      },
      remove: (name) => folder.removeEntry(name),
      close: release,
    }
  } catch (error) {
    release()
    throw error
  }
}

/** @throws SourceError `index-open` where another page or worker has it */
function lock(place: string): Promise<() => void> {
  return new Promise((done, fail) => {
    navigator.locks
      .request(`${FOLDER}/${place}`, { ifAvailable: true }, (held) => {
        if (held) return new Promise<void>((release) => done(release))
        fail(new SourceError('index-open', `The index ${place} is open elsewhere: in another tab, or not closed yet.`))
        return undefined
      })
      .catch(fail)
  })
}
