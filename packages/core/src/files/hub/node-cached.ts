import { lstat, readdir, readFile, rm } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { platform } from '#platform'
import type { CachedModel, HubSettings } from './store'

const START = 'models--'

const none = (): string[] => []

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name))
}

async function modelIn(folder: string, name: string): Promise<CachedModel> {
  const files = (await Promise.all(['blobs', 'snapshots'].map((part) => filesIn(join(folder, part))))).flat()
  const sizes = await Promise.all(files.map((file) => lstat(file).catch(() => undefined)))
  const refsFolder = join(folder, 'refs')
  const refs = await Promise.all(
    (await filesIn(refsFolder)).map(async (file) => ({
      ref: relative(refsFolder, file).split(sep).join('/'),
      commit: (await readFile(file, 'utf8')).trim(),
    })),
  )
  const commits = await readdir(join(folder, 'snapshots')).catch(none)
  return {
    name,
    size: sizes.reduce((sum, about) => sum + (about?.isFile() ? about.size : 0), 0),
    revisions: commits.map((commit) => ({
      commit,
      refs: refs.filter((ref) => ref.commit === commit).map(({ ref }) => ref),
      folder: join(folder, 'snapshots', commit),
    })),
  }
}

export async function cached({ cacheDir }: HubSettings): Promise<CachedModel[]> {
  const folders = (await readdir(cacheDir).catch(none)).filter((folder) => folder.startsWith(START)).sort()
  return Promise.all(
    folders.map((folder) => modelIn(join(cacheDir, folder), folder.slice(START.length).replace('--', '/'))),
  )
}

export async function remove(name: string, { cacheDir }: HubSettings): Promise<boolean> {
  const folder = START + name.replace('/', '--')
  const there = await platform.isFolder(join(cacheDir, folder))
  for (const path of [join(cacheDir, folder), join(cacheDir, '.locks', folder)])
    await rm(path, { recursive: true, force: true })
  return there
}
