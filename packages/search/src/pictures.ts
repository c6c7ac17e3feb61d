import { platform } from '#platform'
import type { FoundFiles } from './platform/platform'

/** The pictures of a folder and all that is in it, sorted, with what is none; or the one file that a path names. In Node. */
export const listPictures = (path: string): Promise<FoundFiles> => platform.listPictures(path)
