import {
  CheckpointError,
  type FileReader,
  type JsonObject,
  OptionError,
  readSafetensors,
  type SourceLike,
  type Target,
  type TargetLike,
  type Tensor,
  writeSafetensors,
} from '@dual-encoder/core'
import { openSource, openTarget, readJson } from '@dual-encoder/core/backend'

/** A folder of which a checkpoint is part: a path, or both of its sides. */
export type CheckpointFolder = string | { readonly source: SourceLike; readonly target: TargetLike }

export interface CheckpointParts {
  readonly step: number
  /** Moments and whatever else is kept between steps, by name. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Where schedule, data and chance stand; comes back as it was. */
  readonly state: JsonObject
  /** Writes the model, `model.savePretrained`. */
  readonly save: (target: Target) => Promise<void>
  /** Whether it is the best so far. */
  readonly best?: boolean
}

export interface LoadedCheckpoint {
  /** Its folder within the other. */
  readonly name: string
  readonly step: number
  readonly tensors: Map<string, Tensor>
  readonly state: JsonObject
  /** Its files, for `fromPretrained`. */
  readonly source: FileReader
}

interface Index {
  readonly last: string
  readonly best?: string
  /** The oldest first. */
  readonly kept: readonly string[]
}

const INDEX = 'checkpoints.json'

/**
 * Checkpoints of a run, `checkpoint-<step>` each, with what a run resumes from. One counts once all of it is written:
 * the index, which names it, is replaced last, in one move. Whatever ends the process before (`kill -9`, a full disk)
 * leaves the one before as it was.
 */
export class Checkpoints {
  readonly #folder: Exclude<CheckpointFolder, string>
  readonly #keep: number

  /** @param keep how many of the last ones stay; the best stays besides */
  constructor(folder: CheckpointFolder, { keep = 2 }: { keep?: number } = {}) {
    if (!Number.isInteger(keep) || keep < 1)
      throw new OptionError('bad-option', `keep is ${keep}; a positive integer is needed.`)
    this.#folder = typeof folder === 'string' ? { source: asPath(folder), target: folder } : folder
    this.#keep = keep
  }

  /** @returns the checkpoint's name */
  async save({ step, tensors, state, save, best = false }: CheckpointParts): Promise<string> {
    const target = await openTarget(this.#folder.target)
    const before = await this.#index()
    const name = `checkpoint-${step}`
    try {
      const within = folderWithin(target, name)
      await save(within)
      await within.write('trainer.safetensors', [writeSafetensors(tensors)])
      await within.write('trainer.json', [jsonBytes({ step, state })])
    } catch (error) {
      // One of this name that is known already was overwritten in part, file by file: each of them is whole.
      if (!before?.kept.includes(name)) await target.remove(name).catch(() => undefined)
      throw error
    }
    const known = [...(before?.kept.filter((other) => other !== name) ?? []), name]
    const bestNow = best ? name : before?.best
    const kept = known.filter((other, i) => i >= known.length - this.#keep || other === bestNow)
    const index: Index = { last: name, ...(bestNow !== undefined && { best: bestNow }), kept }
    await target.write(INDEX, [jsonBytes(index)])
    for (const other of known) if (!kept.includes(other)) await target.remove(other)
    return name
  }

  /** The last or the best checkpoint; undefined where none was written. @throws CheckpointError for one that is damaged */
  async load(which: 'last' | 'best' = 'last'): Promise<LoadedCheckpoint | undefined> {
    const index = await this.#index()
    const name = which === 'last' ? index?.last : index?.best
    if (name === undefined) return undefined
    const source = await openSource(this.#folder.source, { subfolder: name })
    const [trainer, bytes] = await Promise.all([readJson(source, 'trainer.json'), source.read('trainer.safetensors')])
    if (!trainer || !bytes)
      throw new CheckpointError('no-trainer-state', `${source.describe} lacks trainer.json or trainer.safetensors.`)
    return {
      name,
      step: trainer.step as number,
      state: trainer.state as JsonObject,
      tensors: await readSafetensors(bytes),
      source,
    }
  }

  async #index(): Promise<Index | undefined> {
    try {
      const source = await openSource(this.#folder.source)
      return (await readJson(source, INDEX)) as Index | undefined
    } catch (error) {
      // The first checkpoint makes the folder.
      if ((error as { code?: unknown }).code === 'source-not-found') return undefined
      throw error
    }
  }
}

/** A folder that does not exist yet must not be taken for a name on the hub. */
const asPath = (folder: string): string => (/^([./\\]|[a-z]:)/i.test(folder) ? folder : `./${folder}`)

const jsonBytes = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`)

const folderWithin = (target: Target, folder: string): Target => ({
  write: (name, chunks) => target.write(`${folder}/${name}`, chunks),
  stage: (name, chunks) => target.stage(`${folder}/${name}`, chunks),
  remove: (name) => target.remove(`${folder}/${name}`),
})
