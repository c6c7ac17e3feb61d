import { hub } from '#hub'
import { checkOptions, OptionError } from '../../base/errors'
import { checkRevision, isHubName } from '../../files/hub/names'
import type { Upload } from '../../files/hub/push'
import { type TargetLike, type Writer, writerTarget } from '../../files/target'
import type { SourceOptions } from '../../files/types'

/** A model, a processor, a tokenizer: what writes files of its own. */
export interface Savable {
  savePretrained(target: TargetLike): Promise<void>
}

export interface PushOptions extends Pick<
  SourceOptions,
  'endpoint' | 'fetch' | 'onProgress' | 'retries' | 'signal' | 'timeout'
> {
  /** One that may write; in Node by default `HF_TOKEN` or what `hf auth login` has kept. */
  token?: string
  /** The branch; `main` by default. */
  revision?: string
  /** Of a repository that is made by this call. */
  private?: boolean
  message?: string
  /** `README.md`: what `modelCard` makes. */
  card?: string
}

const KEYS = [
  'endpoint',
  'fetch',
  'onProgress',
  'retries',
  'signal',
  'timeout',
  'token',
  'revision',
  'private',
  'message',
  'card',
] as const satisfies readonly (keyof PushOptions)[]

/**
 * Puts what `savePretrained` writes on the hub, in one commit: all of it appears, or nothing. Files of the repository that
 * would be read in its place go, as they do in a folder.
 * @returns the commit, and where to look at it
 */
export async function pushToHub(
  name: string,
  what: Savable | readonly Savable[],
  options: PushOptions = {},
): Promise<{ commit: string; url: string }> {
  checkOptions(options, KEYS, 'pushToHub')
  if (typeof name !== 'string' || !isHubName(name))
    throw new OptionError(
      'bad-name',
      `pushToHub: "${String(name)}" cannot be a model's name on the hub. Give org/name.`,
    )
  const { card, message = 'Upload model', token, revision = 'main', ...rest } = options
  checkRevision(revision)
  const files = new Map<string, Upload>()
  const removed = new Set<string>()
  const writer: Writer = {
    async write(file, content) {
      const chunks: Uint8Array[] = []
      // A writer may use its buffer again.
      for await (const chunk of content) chunks.push(chunk.slice())
      removed.delete(file)
      files.set(file, { name: file, chunks, size: chunks.reduce((sum, { length }) => sum + length, 0) })
    },
  }
  const target = writerTarget(writer, async (file) => {
    files.delete(file)
    removed.add(file)
  })
  for (const savable of Array.isArray(what) ? (what as readonly Savable[]) : [what as Savable])
    await savable.savePretrained(target)
  if (card !== undefined) await target.write('README.md', [new TextEncoder().encode(card)])
  options.signal?.throwIfAborted()
  const [settings, { commitFiles }] = await Promise.all([
    hub.settings({ endpoint: options.endpoint, token }),
    import('../../files/hub/push'),
  ])
  return commitFiles(name, [...files.values()], settings, { ...rest, revision, message, removed: [...removed] })
}
