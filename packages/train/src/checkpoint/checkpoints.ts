import {
  CheckpointError,
  type FileReader,
  type JsonObject,
  OptionError,
  readSafetensors,
  type Tensor,
} from '@dual-encoder/core'
import { readJson, safetensorsOf, type Target } from '@dual-encoder/core/backend'
import { type Folder, folderOf, jsonBytes, targetWithin } from '../files'

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
  readonly #folder: Folder
  readonly #keep: number

  /** @param keep how many of the last ones stay; the best stays besides */
  constructor(folder: Folder, { keep = 2 }: { keep?: number } = {}) {
    if (!Number.isInteger(keep) || keep < 1)
      throw new OptionError('bad-option', `keep is ${keep}; a positive integer is needed.`)
    this.#folder = folder
    this.#keep = keep
  }

  /** @returns the checkpoint's name */
  async save({ step, tensors, state, save, best = false }: CheckpointParts): Promise<string> {
    const target = await folderOf(this.#folder).target()
    const before = await this.#index()
    const name = `checkpoint-${step}`
    try {
      const within = targetWithin(target, name)
      await save(within)
      await within.write('trainer.safetensors', safetensorsOf(tensors))
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
    return name === undefined ? undefined : this.#load(name)
  }

  /** As many of the last ones as are kept, the oldest first. */
  async loadLast(count: number): Promise<LoadedCheckpoint[]> {
    const { kept = [] } = (await this.#index()) ?? {}
    return Promise.all(
      [...kept]
        .sort((a, b) => stepIn(a) - stepIn(b))
        .slice(-count)
        .map((name) => this.#load(name)),
    )
  }

  async #load(name: string): Promise<LoadedCheckpoint> {
    const source = await folderOf(this.#folder, name).source()
    const [trainer, bytes] = source
      ? await Promise.all([readJson(source, 'trainer.json'), source.read('trainer.safetensors')])
      : []
    if (!source || !trainer || !bytes)
      throw new CheckpointError('no-trainer-state', `${name} lacks trainer.json or trainer.safetensors.`)
    return {
      name,
      step: trainer.step as number,
      state: trainer.state as JsonObject,
      tensors: await readSafetensors(bytes),
      source,
    }
  }

  async #index(): Promise<Index | undefined> {
    // The first checkpoint makes the folder.
    return (await folderOf(this.#folder).json(INDEX)) as Index | undefined
  }
}

const stepIn = (name: string): number => Number(name.replace(/^.*-/, ''))
