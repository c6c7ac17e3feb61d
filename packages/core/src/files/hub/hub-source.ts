import { hub } from '#hub'
import { SourceError } from '../../base/errors'
import { Memo, MemoMap } from '../../base/memo'
import { checkName } from '../file-name'
import { collect } from '../http/download'
import { reported } from '../http/progress'
import type { ByteRange, Source, SourceOptions } from '../types'
import { checkRevision, isCommit } from './names'
import { HubRemote, type RemoteFile } from './remote'
import type { Arriving, HubSettings, HubStore, StoredFile } from './store'

/**
 * `name` or `org/name` on the hub, kept in the cache.
 * @param mustKeep whether what a browser has no room for is an error
 */
export async function hubSource(name: string, options: SourceOptions, mustKeep = false): Promise<Source> {
  const settings = await hub.settings(options)
  const store = hub.store(name, settings, mustKeep)
  return new HubFiles(name, checkRevision(options.revision ?? 'main'), settings, options, store).asSource()
}

/** What the cache may stand in for: a hub that cannot be reached or lets nobody in. A revision that is gone is gone. */
const mayBeServedFromCache = (error: unknown): boolean =>
  error instanceof SourceError && error.code !== 'revision-not-found'

/** The files of one commit: a branch that moves while they are read does not mix two states. */
class HubFiles {
  readonly #name: string
  readonly #revision: string
  readonly #settings: HubSettings
  readonly #options: SourceOptions
  readonly #store: HubStore
  readonly #remote: HubRemote
  readonly #commit = new Memo<string>()
  readonly #files = new MemoMap<string, StoredFile | undefined>()
  /** Sizes of files that are read in parts; undefined of absent ones. */
  readonly #sizes = new Map<string, number | undefined>()
  #remembered = false

  constructor(name: string, revision: string, settings: HubSettings, options: SourceOptions, store: HubStore) {
    this.#name = name
    this.#revision = revision
    this.#settings = settings
    this.#options = options
    this.#store = store
    this.#remote = new HubRemote(name, settings, options)
  }

  asSource(): Source {
    return this.#source(
      (name) => this.#whole(name),
      async (name, range) => (await this.#whole(name))?.read(range),
      async (name) => (await this.#whole(name))?.size,
      { inParts: () => this.#inParts() },
    )
  }

  /** Of what is not kept yet, ranges are fetched as they are asked for, and not kept. */
  #inParts(): Source {
    return this.#source(
      (name) => this.#kept(name),
      (name, range) => (range ? this.#part(name, range) : this.#whole(name).then((file) => file?.read())),
      async (name) => {
        const kept = await this.#kept(name)
        if (!kept && !this.#sizes.has(name)) await this.#part(name, [0, 1])
        return kept?.size ?? this.#sizes.get(name)
      },
    )
  }

  #source(
    file: (name: string) => Promise<StoredFile | undefined>,
    read: (name: string, range?: ByteRange) => Promise<Uint8Array | undefined>,
    size: (name: string) => Promise<number | undefined>,
    more: Partial<Source> = {},
  ): Source {
    const { offline } = this.#settings
    return {
      describe:
        this.#name +
        (this.#revision === 'main' ? '' : `@${this.#revision}`) +
        (offline ? ` (as it lies in ${this.#store.describe}: ${offline})` : ''),
      locate: async (name) => (await file(checkName(name)))?.local,
      read: async (name, range) => read(checkName(name), range),
      size: async (name) => size(checkName(name)),
      ...more,
    }
  }

  #resolveCommit(): Promise<string> {
    return this.#commit.get(async () => {
      const known = await this.#store.commitOf(this.#revision)
      if (this.#settings.offline) {
        if (known !== undefined) return known
        throw this.#notCached()
      }
      if (isCommit(this.#revision)) return this.#revision
      try {
        return await this.#remote.commit(this.#revision, known !== undefined)
      } catch (error) {
        if (known !== undefined && mayBeServedFromCache(error)) return known
        throw error
      }
    })
  }

  #notCached(): SourceError {
    return new SourceError(
      'not-cached',
      `"${this.#name}" at ${this.#revision} is not in the cache (${this.#store.describe}), and nothing may be fetched: ` +
        `${this.#settings.offline}. Load it once without, or give a folder, by a path that begins with ./ or /.`,
    )
  }

  /** A file that is kept already. */
  async #kept(name: string): Promise<StoredFile | undefined> {
    const file = await this.#store.find(await this.#resolveCommit(), name)
    return file === 'absent' ? undefined : file
  }

  /** A file, fetched where it is not kept yet; undefined where there is none of that name. */
  #whole(name: string): Promise<StoredFile | undefined> {
    return this.#files.get(name, async () => {
      const commit = await this.#resolveCommit()
      const known = await this.#store.find(commit, name)
      if (known === 'absent' || (known === undefined && this.#settings.offline)) return undefined
      const { signal } = this.#options
      const file = known ?? (await this.#store.keep(commit, name, (from) => this.#fetch(commit, name, from), signal))
      // The cache keeps its older state until there is something of the new one.
      if (!this.#remembered) await this.#store.remember(this.#revision, commit)
      this.#remembered = true
      return file
    })
  }

  async #fetch(commit: string, name: string, from: number): Promise<Arriving | undefined> {
    const opened = await this.#remote.open(commit, name, from > 0 ? [from] : undefined)
    if (opened?.answer.status !== 416) return opened && arriving(name, opened, this.#options)
    // What was kept of an earlier try is as long as the file, or longer.
    return this.#fetch(commit, name, 0)
  }

  async #part(name: string, range: ByteRange): Promise<Uint8Array | undefined> {
    const commit = await this.#resolveCommit()
    const known = await this.#store.find(commit, name)
    if (known === 'absent' || (known === undefined && this.#settings.offline)) return undefined
    if (known) return known.read(range)
    if (range[0] >= range[1]) return new Uint8Array()
    const opened = await this.#remote.open(commit, name, range)
    this.#sizes.set(name, opened?.info.size)
    if (opened?.answer.status === 416) return new Uint8Array()
    if (opened?.answer.status === 206) return collect(arriving(name, opened, this.#options).chunks)
    // A server without ranges sends all of it: then it is kept.
    await opened?.answer.stop()
    return opened && (await this.#whole(name))?.read(range)
  }
}

function arriving(name: string, opened: RemoteFile, { onProgress }: SourceOptions): Arriving {
  const { answer, info } = opened
  const chunks = reported(name, opened, onProgress)
  return { ...info, start: answer.start, chunks, stop: () => answer.stop() }
}
