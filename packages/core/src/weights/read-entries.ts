import { CheckpointError } from '../base/errors'
import { sizeOf, type Tensor } from '../base/tensor'
import { decode } from './safetensors/dtypes'
import type { WeightEntry, WeightLocation, WeightRecipe } from './entry'
import { dequantize, storedParts } from './quantize'

/** Bytes that are read and thrown away sooner than a further request is made; a disk gives a megabyte while it is asked. */
const GAP = 65_536
const LOCAL_GAP = 2 ** 20

/** Reads a part of the file in which a weight lies. */
export type ReadFile = (location: WeightLocation, offset: number, length: number) => Promise<Uint8Array>

/**
 * The raw bytes of several stored weights, in as few range reads as their places allow: the tower of
 * a checkpoint comes in one or two, and no other tower's bytes with it.
 */
export async function readEntries(
  entries: Iterable<WeightEntry>,
  read: ReadFile = (location, offset, length) => location.read(offset, length),
): Promise<Map<string, Uint8Array>> {
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
      const whole = await read(run.location, run.start, run.end - run.start)
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
  readonly location: WeightLocation
  readonly entries: WeightEntry[]
}

/** Entries of one file that lie close together. They may be empty, or share bytes. */
function runs(entries: readonly WeightEntry[]): Run[] {
  const found: Run[] = []
  for (const entry of [...entries].sort((a, b) => (a.location?.offset ?? 0) - (b.location?.offset ?? 0))) {
    const location = entry.location as WeightLocation
    const { offset, length, local } = location
    const run = found.at(-1)
    if (run && offset - run.end <= (local ? LOCAL_GAP : GAP)) {
      run.end = Math.max(run.end, offset + length)
      run.entries.push(entry)
    } else found.push({ start: offset, end: offset + length, location, entries: [entry] })
  }
  return found
}

/**
 * Bytes read at once where neighbouring weights are fetched in one request. What has been read waits to be collected:
 * less of it from a disk, where requests cost nothing.
 */
const MAX_GROUP = 32 * 2 ** 20
const MAX_LOCAL_GROUP = 4 * 2 ** 20

/** Those that files hold, of which an entry's values come. */
export const storedOf = (entry: WeightEntry): WeightEntry[] => (entry.made?.by.of ?? [entry]).flatMap(storedParts)

/** Of the values that are in memory: all but bytes is float32 there. */
export const bytesOf = ({ storage, shape }: Pick<WeightEntry, 'storage' | 'shape'>): number =>
  sizeOf(shape) * (storage === 'I8' || storage === 'U8' ? 1 : 4)

/** Entries in the order in which they lie in files, what is in none last. */
export function inFileOrder(entries: Iterable<WeightEntry>): WeightEntry[] {
  const placed = [...entries].map((entry) => ({ entry, location: storedOf(entry)[0]?.location }))
  const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0)
  placed.sort(({ location: a }, { location: b }) =>
    a && b ? compare(a.file, b.file) || compare(a.offset, b.offset) : Number(!a) - Number(!b),
  )
  return placed.map(({ entry }) => entry)
}

function* groups(entries: Iterable<WeightEntry>): Generator<WeightEntry[]> {
  let group: WeightEntry[] = []
  let size = 0
  for (const entry of entries) {
    const isMadeAlready = entry.made !== undefined && entry.made.by === group.at(-1)?.made?.by
    const bytes = isMadeAlready ? 0 : (entry.made?.by.of ?? [entry]).reduce((sum, one) => sum + bytesOf(one), 0)
    const most = storedOf(entry).every(({ location }) => location?.local) ? MAX_LOCAL_GROUP : MAX_GROUP
    if (group.length > 0 && bytes > 0 && size + bytes > most) {
      yield group
      ;[group, size] = [[], 0]
    }
    group.push(entry)
    size += bytes
  }
  if (group.length > 0) yield group
}

async function valueOf(entry: WeightEntry, raw: ReadonlyMap<string, Uint8Array>): Promise<Tensor> {
  const { name, storage, shape, quantized } = entry
  if (quantized) return dequantize(await valueOf(quantized.values, raw), await valueOf(quantized.scales, raw))
  const bytes = raw.get(name)
  return bytes ? decode(bytes, storage, shape) : entry.read()
}

type Valued = readonly [entry: WeightEntry, value: Tensor]

/** What is to be made is made when its turn comes: until it is used, nothing else can be. */
function* valued(group: readonly WeightEntry[], values: ReadonlyMap<WeightEntry, Tensor>): Generator<Valued> {
  let last: { readonly recipe: WeightRecipe; readonly made: readonly Tensor[] } | undefined
  for (const entry of group) {
    const recipe = entry.made?.by
    if (recipe && recipe !== last?.recipe)
      last = { recipe, made: recipe.make(recipe.of.map((one) => values.get(one) as Tensor)) }
    yield [entry, (recipe ? last?.made[entry.made?.index ?? 0] : values.get(entry)) as Tensor]
  }
}

/**
 * The values of weights a few at a time, in the order given; those that lie together come in one read. A group is
 * gone through once and in one turn: what is made of weights is good until the next value.
 */
export async function* readInGroups(entries: Iterable<WeightEntry>, read?: ReadFile): AsyncGenerator<Iterable<Valued>> {
  for (const group of groups(entries)) {
    const raw = await readEntries(new Set(group.flatMap(storedOf).filter(({ location }) => location)), read)
    const values = new Map<WeightEntry, Tensor>()
    for (const entry of group.flatMap((one) => one.made?.by.of ?? [one]))
      if (!values.has(entry)) values.set(entry, await valueOf(entry, raw))
    yield valued(group, values)
  }
}
