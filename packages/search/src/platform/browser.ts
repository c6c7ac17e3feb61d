import { OptionError } from '@dual-encoder/core'
import { MemoryStore } from '../stores/memory'
import type { SearchPlatform } from './platform'

const noFolders = (path: string) =>
  Promise.reject(new OptionError('no-folders', `"${path}": browsers have no paths. Add items: { id, image }.`))

export const platform: SearchPlatform = {
  openStore: () => Promise.resolve(new MemoryStore()),
  absolute: (path) => path,
  isFolder: () => Promise.resolve(false),
  listPictures: noFolders,
  hashFile: noFolders,
}
