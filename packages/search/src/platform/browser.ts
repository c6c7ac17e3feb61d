import { OptionError } from '@dual-encoder/core'
import { MemoryStore } from '../stores/memory'
import { SavedStore } from '../stores/saved'
import { isKept, openFiles } from './opfs'
import type { SearchPlatform } from './platform'

const noFolders = (path: string) =>
  Promise.reject(new OptionError('no-folders', `"${path}": browsers have no paths. Add items: { id, image }.`))

export const platform: SearchPlatform = {
  openStore: async (place) => (place === 'memory:' ? new MemoryStore() : SavedStore.open(await openFiles(place))),
  absolute: (path) => path,
  isFolder: isKept,
  listPictures: noFolders,
  hashFile: noFolders,
}
