import { SourceError } from '../base/errors'
import { startThread, threads } from './browser-threads'
import type { Platform } from './platform'

const noFiles = (path: string): Promise<never> =>
  Promise.reject(
    new SourceError(
      'no-file-system',
      `"${path}": browsers have no folders to write to. Give a FileSystemDirectoryHandle or an object { write(name, chunks) }.`,
    ),
  )

export const platform: Platform = {
  name: 'browser',
  readFile: () => Promise.resolve(undefined),
  locateFile: () => Promise.resolve(undefined),
  isFolder: () => Promise.resolve(false),
  stageFile: noFiles,
  removeFile: noFiles,
  joinPath: (folder, name) => `${folder.replace(/\/$/, '')}/${name}`,
  threads,
  startThread,
}
