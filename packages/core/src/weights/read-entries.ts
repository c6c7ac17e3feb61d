import { CheckpointError } from '../base/errors'
import { sizeOf, type Tensor } from '../base/tensor'
import { decode } from './safetensors/dtypes'
import type { WeightEntry, WeightLocation } from './entry'
import { dequantize, storedParts } from './quantize'

/** Bytes that are read and thrown away sooner than a further request is made. */
const GAP = 65_536

/**
 * The raw bytes of several stored weights, in as few range reads as their places allow: the tower of
 * a checkpoint comes in one or two, and no other tower's bytes with it.
 */
export async function readEntries(entries: Iterable<WeightEntry>): Promise<Map<string, Uint8Array>> {
  const byFile = new Map<string, WeightEntry[]>()
  for (const entry of entries) {
    if (!entry.location) throw new CheckpointError('not-stored', `"${entry.name}" has no place in a file.`)
    const list = byFile.get(entry.location.file) ?? []
    byFile.set(entry.location.file, list)
    list.push(entry)
  }
  const bytes = new Map<string, Uint8Array>()
  for (const list of byFile.values()) {
    for (const run of runs(list)) {
      const whole = await run.read(run.start, run.end - run.start)
      for (const { name, location } of run.entries) {
        const at = (location?.offset ?? 0) - run.start
        bytes.set(name, whole.subarray(at, at + (location?.length ?? 0)))
      }
    }
  }
  return bytes
}

interface Run {
  readonly start: number
  end: number
  readonly read: WeightLocation['read']
  readonly entries: WeightEntry[]
}

/** Entries of one file that lie close together. They may be empty, or share bytes. */
function runs(entries: readonly WeightEntry[]): Run[] {
  const found: Run[] = []
  for (const entry of [...entries].sort((a, b) => (a.location?.offset ?? 0) - (b.location?.offset ?? 0))) {
    const { offset, length, read } = entry.location as WeightLocation
    const run = found.at(-1)
    if (run && offset - run.end <= GAP) {
      run.end = Math.max(run.end, offset + length)
      run.entries.push(entry)
    } else found.push({ start: offset, end: offset + length, read, entries: [entry] })
  }
  return found
}

/**
 * Bytes read at once where neighbouring weights are fetched in one request. What has been read waits to be collected:
 * less of it from a disk, where requests cost nothing.
 */
const MAX_GROUP = 32 * 2 ** 20
const MAX_LOCAL_GROUP = 8 * 2 ** 20

const floatBytes = ({ shape }: WeightEntry): number => 4 * sizeOf(shape)

function* groups(entries: Iterable<WeightEntry>): Generator<WeightEntry[]> {
  let group: WeightEntry[] = []
  let size = 0
  for (const entry of entries) {
    const most = entry.location?.local ? MAX_LOCAL_GROUP : MAX_GROUP
    if (group.length > 0 && size + floatBytes(entry) > most) {
      yield group
      ;[group, size] = [[], 0]
    }
    group.push(entry)
    size += floatBytes(entry)
  }
  if (group.length > 0) yield group
}

/** The values of weights a few at a time, in the order given; those that lie together come in one read. */
export async function* readInGroups(
  entries: Iterable<WeightEntry>,
): AsyncGenerator<(readonly [entry: WeightEntry, value: Tensor])[]> {
  for (const group of groups(entries)) {
    const raw = await readEntries(group.flatMap(storedParts).filter(({ location }) => location))
    const valueOf = async (entry: WeightEntry): Promise<Tensor> => {
      const bytes = raw.get(entry.name)
      return bytes ? decode(bytes, entry.storage, entry.shape) : entry.read()
    }
    const values: (readonly [WeightEntry, Tensor])[] = []
    for (const entry of group) {
      const { quantized } = entry
      values.push([
        entry,
        quantized ? dequantize(await valueOf(quantized.values), await valueOf(quantized.scales)) : await valueOf(entry),
      ])
    }
    yield values
  }
}
