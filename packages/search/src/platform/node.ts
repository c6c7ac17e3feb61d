import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { SourceError } from '@dual-encoder/core'
import { isPicture } from '../picture-name'
import { LanceStore } from '../stores/lance'
import { MemoryStore } from '../stores/memory'
import type { FileState, FoundFiles, SearchPlatform } from './platform'

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

async function stateOf(path: string): Promise<FileState | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ? { path, size: found.size, mtime: found.mtimeMs } : undefined
}

async function listPictures(path: string): Promise<FoundFiles> {
  if (!(await isFolder(path))) {
    const file = await stateOf(path)
    if (!file) throw new SourceError('source-not-found', `There is no file or folder ${path}.`)
    return { pictures: [file], skipped: [] }
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name))
  const [pictures, skipped]: [FileState[], string[]] = [[], []]
  for (const file of paths.sort()) {
    const state = isPicture(file) ? await stateOf(file) : undefined
    if (state) pictures.push(state)
    else skipped.push(file)
  }
  return { pictures, skipped }
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false

const unix = (path: string): string => (sep === '/' ? path : path.replaceAll(sep, '/'))

export const platform: SearchPlatform = {
  openStore: async (place, storage) => (place === 'memory:' ? new MemoryStore() : LanceStore.open(place, storage)),
  absolute: (path) => unix(resolve(path)),
  isFolder,
  listPictures,
  hashFile,
}
