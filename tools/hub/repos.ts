import { createHash } from 'node:crypto'

export interface StoredFile {
  readonly bytes: Buffer
  /** git's name of the content. */
  readonly oid: string
  /** sha256, of what a real hub keeps outside git. */
  readonly lfs?: string
}

export type Tree = ReadonlyMap<string, StoredFile>

const hash = (algorithm: string, ...parts: (string | Uint8Array)[]): string => {
  const sum = createHash(algorithm)
  for (const part of parts) sum.update(part)
  return sum.digest('hex')
}

const isLarge = (name: string): boolean => /\.(safetensors|bin|h5|msgpack|model|onnx)$/.test(name)

function storedFile(name: string, content: Uint8Array | string): StoredFile {
  const bytes = Buffer.from(content)
  const sha256 = isLarge(name) ? hash('sha256', bytes) : undefined
  const inGit = sha256
    ? Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${bytes.length}\n`)
    : bytes
  return { bytes, oid: hash('sha1', `blob ${inGit.length}\0`, inGit), lfs: sha256 }
}

/** A repository of models: commits by their hashes, branches and tags by their names. */
export class Repo {
  readonly commits = new Map<string, Tree>()
  readonly refs = new Map<string, string>()
  /** Who may read it: everybody, who has a token (others are told that it is not there), or who has been let in. */
  access: 'public' | 'private' | 'gated' = 'public'

  commit(files: Readonly<Record<string, Uint8Array | string>>, ref = 'main', removed: readonly string[] = []): string {
    const tree = new Map(this.commits.get(this.refs.get(ref) ?? ''))
    for (const [name, content] of Object.entries(files)) tree.set(name, storedFile(name, content))
    for (const name of removed) tree.delete(name)
    const listing = [...tree].map(([name, { oid }]) => `${name}\0${oid}`).sort()
    const commit = hash('sha1', ref, `${this.commits.size}`, ...listing)
    this.commits.set(commit, tree)
    this.refs.set(ref, commit)
    return commit
  }

  resolve(revision: string): string | undefined {
    if (this.commits.has(revision)) return revision
    return this.refs.get(revision)
  }
}
