import { CheckpointError } from '../../base/errors'
import { type FileView, uint64 } from './file-view'
import { Global, type Pickled, type Unpickled, unpickle } from './pickle'

/** Bytes of the file. */
export interface ByteSpan {
  readonly offset: number
  readonly length: number
}

/** What `torch.save` wrote, in either form: the value, and where its storages lie. */
export interface SavedState {
  readonly state: Pickled
  find(key: string): ByteSpan | undefined
}

/** The pickle of torch's magic number, 0x1950a86a20f9469cfc6c. */
const MAGIC = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]
/** Read at first; four times as much where the pickles go on. */
const FIRST = 1 << 20

/**
 * The form before torch 1.6: pickles of a version, of the machine, of the value and of the storages' names, then each
 * storage as a count of 8 bytes and its values.
 * @param sizeOf bytes of a value, by the name of its storage
 */
export async function readLegacy(
  view: FileView,
  allowed: ReadonlySet<string>,
  sizeOf: (type: string) => number | undefined,
): Promise<SavedState> {
  const head = await view.read(0, Math.min(view.size, MAGIC.length))
  if (head.length < MAGIC.length || !MAGIC.every((byte, i) => byte === head[i]))
    return view.fail('bad-zip', 'it begins neither as a zip archive nor as torch before 1.6 began its files')
  const [version, machine, saved, names] = await pickles(view, allowed)
  if (version.value !== 1001) view.fail('unsupported-pickle', 'it is of an unknown version')
  if (!(machine.value instanceof Map) || machine.value.get('little_endian') !== true)
    view.fail('unsupported-dtype', 'it was written on a big-endian machine')

  const sizes = new Map<string, number>()
  for (const { id } of saved.ids) {
    const [, type, key] = Array.isArray(id) ? (id as readonly Pickled[]) : []
    const size = type instanceof Global ? sizeOf(type.name) : undefined
    if (typeof key === 'string' && size !== undefined) sizes.set(key, size)
  }
  const spans = new Map<string, ByteSpan>()
  let at = names.end
  for (const name of Array.isArray(names.value) ? (names.value as readonly Pickled[]) : []) {
    const size = typeof name === 'string' ? sizes.get(name) : undefined
    if (typeof name !== 'string' || size === undefined)
      return view.fail('bad-pickle', 'it holds a storage that nothing refers to')
    const length = uint64(await view.peek(at, 8), 0) * size
    at += 8
    if (!(at + length <= view.size))
      view.fail('truncated', `a storage of ${length} bytes begins at ${at}, and the file holds ${view.size}`)
    spans.set(name, { offset: at, length })
    at += length
  }
  return { state: saved.value, find: (key) => spans.get(key) }
}

type Four = [Unpickled, Unpickled, Unpickled, Unpickled]

/** The four pickles behind the magic number: how long they are is known when they have been read. */
async function pickles(view: FileView, allowed: ReadonlySet<string>): Promise<Four> {
  for (let size = Math.min(view.size, FIRST); ; size = Math.min(view.size, size * 4)) {
    const bytes = await view.read(0, size)
    const found: Unpickled[] = []
    try {
      while (found.length < 4) found.push(unpickle(bytes, allowed, view.fail, found.at(-1)?.end ?? MAGIC.length))
      return found as Four
    } catch (error) {
      const more = error instanceof CheckpointError && error.code === 'truncated' && size < view.size
      if (!more) throw error
    }
  }
}
