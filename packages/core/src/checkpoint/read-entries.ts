import { CheckpointError } from '../errors'
import type { WeightEntry } from './weights'

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
    list.sort((a, b) => start(a) - start(b))
    for (const run of runs(list)) {
      const [first, last] = [run[0] as WeightEntry, run.at(-1) as WeightEntry]
      const whole = await first.location?.read(start(first), end(last) - start(first))
      for (const entry of run)
        bytes.set(entry.name, (whole as Uint8Array).subarray(start(entry) - start(first), end(entry) - start(first)))
    }
  }
  return bytes
}

const start = (entry: WeightEntry): number => entry.location?.offset ?? 0
const end = (entry: WeightEntry): number => start(entry) + (entry.location?.length ?? 0)

function runs(sorted: readonly WeightEntry[]): WeightEntry[][] {
  const found: WeightEntry[][] = []
  for (const entry of sorted) {
    const run = found.at(-1)
    if (run && start(entry) - end(run.at(-1) as WeightEntry) <= GAP) run.push(entry)
    else found.push([entry])
  }
  return found
}
