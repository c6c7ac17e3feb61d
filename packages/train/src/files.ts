import type { Source, Target } from '@dual-encoder/core/backend'
import { openSource, openTarget, readJson } from '@dual-encoder/core/backend'
import type { DirectoryHandle, JsonObject, SourceLike, TargetLike } from '@dual-encoder/core'

/** A folder that is written and read: a path, a browser's (OPFS, or one that was picked), or both of its sides. */
export type Folder = string | DirectoryHandle | { readonly source: SourceLike; readonly target: TargetLike }

/** A path that does not exist yet must not be taken for a name on the hub. */
const asPath = (folder: string): string => (/^([./\\]|[a-z]:)/i.test(folder) ? folder : `./${folder}`)

function sidesOf(folder: Folder): { readonly source: SourceLike; readonly target: TargetLike } {
  if (typeof folder === 'string') return { source: asPath(folder), target: folder }
  return 'getFileHandle' in folder ? { source: folder, target: folder } : folder
}

export const targetOf = (folder: Folder): TargetLike => sidesOf(folder).target

/** Both sides of a folder; `within` it the folder of that name. */
export function folderOf(folder: Folder, within?: string) {
  const { source, target } = sidesOf(folder)
  return {
    /** @returns undefined where there is no such folder yet */
    async source(): Promise<Source | undefined> {
      try {
        return await openSource(source, within === undefined ? {} : { subfolder: within })
      } catch (error) {
        if ((error as { code?: unknown }).code === 'source-not-found') return undefined
        throw error
      }
    },
    async target(): Promise<Target> {
      const opened = await openTarget(target)
      return within === undefined ? opened : targetWithin(opened, within)
    },
    async json(name: string): Promise<JsonObject | undefined> {
      const opened = await this.source()
      return opened && (await readJson(opened, name))
    },
  }
}
export type OpenFolder = ReturnType<typeof folderOf>

export const targetWithin = (target: Target, folder: string): Target => ({
  write: (name, chunks) => target.write(`${folder}/${name}`, chunks),
  stage: (name, chunks) => target.stage(`${folder}/${name}`, chunks),
  remove: (name) => target.remove(`${folder}/${name}`),
})

export const jsonBytes = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`)
