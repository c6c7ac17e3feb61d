import { createHash, type Hash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  copyFile,
  type FileHandle,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { env } from 'node:process'
import { platform } from '#platform'
import { SourceError } from '../../base/errors'
import { badDownload } from './errors'
import { isCommit } from './names'
import { withLock } from './node-lock'
import type { Arriving, FileInfo, HubStore, StoredFile } from './store'

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? ''
const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/**
 * One repository in the layout of Python's `huggingface_hub`:
 * `blobs/<etag>`, `snapshots/<commit>/<name>` as links to them, `refs/<revision>` with a commit, `.no_exist/<commit>/<name>`.
 * Written aside, checked, and renamed: what is visible is whole. Beside Python, which locks in its own way, the worst
 * is that both fetch a file.
 */
export class NodeCache implements HubStore {
  readonly describe: string
  readonly #folder: string
  readonly #locks: string

  constructor(name: string, cacheDir: string) {
    const folder = `models--${name.replace('/', '--')}`
    this.describe = cacheDir
    this.#folder = join(cacheDir, folder)
    this.#locks = join(cacheDir, '.locks', folder)
  }

  async commitOf(revision: string): Promise<string | undefined> {
    const snapshot = (commit: string) => platform.isFolder(join(this.#folder, 'snapshots', commit))
    if (isCommit(revision)) return (await snapshot(revision)) ? revision : undefined
    const text = await readFile(join(this.#folder, 'refs', revision), 'utf8').catch(() => undefined)
    return text?.trim() || undefined
  }

  async remember(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.commitOf(revision)) === commit) return
    // A cache that cannot be written to is read from all the same.
    await writeAside(join(this.#folder, 'refs', revision), commit).catch(() => undefined)
  }

  async find(commit: string, name: string): Promise<StoredFile | 'absent' | undefined> {
    const local = await platform.locateFile(this.#pointer(commit, name))
    if (!local) return (await exists(this.#noExist(commit, name))) ? 'absent' : undefined
    const path = join(local.folder, local.name)
    const read: StoredFile['read'] = async (range) => {
      const bytes = await platform.readFile(path, range)
      if (bytes) return bytes
      throw new SourceError('file-changed', `${path} was removed after it was opened. Load the model again.`)
    }
    return { size: local.size, local, read }
  }

  keep(
    commit: string,
    name: string,
    fetch: (from: number) => Promise<Arriving | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<StoredFile | undefined> {
    const key = createHash('sha1').update(`${commit}/${name}`).digest('hex')
    return withLock(join(this.#locks, `${key}.dual-encoder.lock`), signal, async () => {
      const known = await this.find(commit, name)
      if (known) return known === 'absent' ? undefined : known
      const kept = await this.#fetched(name, join(this.#folder, 'blobs', `${key}.dual-encoder.incomplete`), fetch)
      if (!kept) {
        await writeAside(this.#noExist(commit, name), '').catch(() => undefined)
        return undefined
      }
      await this.#point(this.#pointer(commit, name), kept.blob, kept.isNew).catch(failed(this.#folder))
      return (await this.find(commit, name)) as StoredFile
    })
  }

  readonly #pointer = (commit: string, name: string): string => join(this.#folder, 'snapshots', commit, name)
  readonly #noExist = (commit: string, name: string): string => join(this.#folder, '.no_exist', commit, name)

  /** The blob of a file; undefined where the hub has none of that name. */
  async #fetched(
    name: string,
    partial: string,
    fetch: (from: number) => Promise<Arriving | undefined>,
  ): Promise<{ blob: string; isNew: boolean } | undefined> {
    const begun = (await stat(partial).catch(() => undefined))?.size ?? 0
    const coming = await fetch(begun)
    if (!coming) return undefined
    const blob = join(this.#folder, 'blobs', coming.etag)
    if (await exists(blob)) {
      await coming.stop()
      await rm(partial, { force: true })
      return { blob, isNew: false }
    }
    try {
      await mkdir(dirname(partial), { recursive: true })
      await checkSpace(dirname(partial), coming)
      await write(partial, coming)
      const fault = await faultOf(name, partial, coming)
      if (fault) {
        await rm(partial, { force: true })
        // What was left of an earlier try may have been another file's.
        if (coming.start > 0) return await this.#fetched(name, partial, fetch)
        throw fault
      }
      await rename(partial, blob)
    } catch (error) {
      await coming.stop()
      if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(error))) await rm(partial, { force: true })
      return failed(this.#folder)(error)
    }
    return { blob, isNew: true }
  }

  /** Makes the file visible under its name: a relative link, and where there are no links, the file itself. */
  async #point(pointer: string, blob: string, isNew: boolean): Promise<void> {
    await mkdir(dirname(pointer), { recursive: true })
    const aside = `${pointer}.${randomUUID()}.part`
    try {
      if (/^(1|on|yes|true)$/i.test(env.HF_HUB_DISABLE_SYMLINKS ?? '')) throw new Error('Links are switched off.')
      await symlink(relative(dirname(pointer), blob), aside)
    } catch {
      if (isNew) return rename(blob, pointer)
      await copyFile(blob, aside)
    }
    await rename(aside, pointer)
  }
}

async function writeAside(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const aside = `${path}.${randomUUID()}.part`
  await writeFile(aside, text)
  await rename(aside, path)
}

async function checkSpace(folder: string, { size = 0, start }: Arriving): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (size - start > bavail * bsize)
    throw Object.assign(new Error(`${size - start} bytes are needed, ${bavail * bsize} are free`), {
      code: 'ENOSPC',
      syscall: 'write',
    })
}

/** Adds to what an earlier try has left, or begins anew where the server does. */
async function write(path: string, { start, size, chunks }: Arriving): Promise<void> {
  const file: FileHandle = await open(path, start > 0 ? 'r+' : 'w')
  try {
    let at = start
    for await (const chunk of chunks) {
      let done = 0
      while (done < chunk.length) done += (await file.write(chunk, done, chunk.length - done, at + done)).bytesWritten
      at += chunk.length
      // One that is too long already need not end.
      if (size !== undefined && at > size) break
    }
    // Before the name says that it is whole.
    await file.sync()
  } finally {
    await file.close()
  }
}

/** What says that these are not the file's bytes: its length, or the hash that its ETag is. */
async function faultOf(name: string, path: string, { etag, size }: FileInfo): Promise<SourceError | undefined> {
  const found = (await stat(path)).size
  if (size !== undefined && size !== found) return badDownload(name, `${found} bytes, not ${size}`)
  const hashes = hashesFor(etag, found)
  if (hashes.length === 0) return undefined
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }))
    for (const hash of hashes) hash.update(chunk as Buffer)
  const digests = hashes.map((hash) => hash.digest('hex'))
  return digests.includes(etag.toLowerCase()) ? undefined : badDownload(name, `its hash is ${digests[0]}, not ${etag}`)
}

/**
 * The hash that an ETag is, by its length: sha256 of large files, git's of others (or, of simple servers, plain sha1);
 * none of other tags.
 */
function hashesFor(etag: string, size: number): Hash[] {
  if (/^[0-9a-f]{64}$/i.test(etag)) return [createHash('sha256')]
  if (!/^[0-9a-f]{40}$/i.test(etag)) return []
  return [createHash('sha1').update(`blob ${size}\0`), createHash('sha1')]
}

const ADVICE: Readonly<Record<string, { readonly code: string; readonly what: string }>> = {
  ENOSPC: { code: 'disk-full', what: 'the disk is full' },
  EDQUOT: { code: 'disk-full', what: 'the quota is used up' },
  EFBIG: { code: 'disk-full', what: 'the file system takes no file of this size' },
  EROFS: { code: 'cache-not-writable', what: 'it lies on a read-only disk' },
  EACCES: { code: 'cache-not-writable', what: 'this user may not write there' },
  EPERM: { code: 'cache-not-writable', what: 'this user may not write there' },
}

/** What the file system says, as a typed error; whatever else went wrong passes unchanged. */
const failed =
  (folder: string) =>
  (error: unknown): never => {
    if (!(error as NodeJS.ErrnoException).syscall) throw error
    const { code, what } = ADVICE[codeOf(error)] ?? { code: 'cache-not-writable', what: 'it failed' }
    throw new SourceError(
      code,
      `A download cannot be kept in ${folder}: ${what} (${(error as Error).message}). Make room or give another folder: ` +
        'the option `cacheDir`, or HF_HOME.',
      { cause: error },
    )
  }
