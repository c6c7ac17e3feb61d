import { sizeOf } from '../../base/tensor'
import { lookup } from '../../base/lookup'
import { decode, STORAGE } from '../safetensors/dtypes'
import type { Source } from '../../files/types'
import type { StorageType, WeightEntry } from '../entry'
import { FileView } from './file-view'
import { Called, Global, type Pickled, PersistentId, unpickle } from './pickle'
import { gatherStrided, rowMajor } from './strided'
import { type ByteSpan, readLegacy, type SavedState } from './pytorch-legacy'
import { readZip } from './zip'

const STORAGES: Readonly<Record<string, StorageType>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
}
const TENSOR = 'torch._utils._rebuild_tensor_v2'
const PARAMETER = 'torch._utils._rebuild_parameter'
/** Before torch 0.4. */
const OLD_TENSOR = 'torch._utils._rebuild_tensor'
const ALLOWED = new Set(['collections.OrderedDict', TENSOR, OLD_TENSOR, PARAMETER, ...Object.keys(STORAGES)])

/** A tensor as the pickle describes it: a view of a storage. */
interface TensorView {
  readonly member: ByteSpan
  readonly storage: StorageType
  /** In values, of its first one. */
  readonly start: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

/** The tensors of one `pytorch_model.bin`; undefined where absent. */
export async function openPyTorch(source: Source, file: string): Promise<Map<string, WeightEntry> | undefined> {
  const view = await FileView.open(source, file, 'PyTorch checkpoint')
  if (!view) return undefined
  const isZip = view.size >= 4 && (await view.peek(0, 4)).getUint32(0, true) === 0x04034b50
  const { state, find } = isZip ? await readArchive(view) : await readLegacy(view, ALLOWED, sizeOfStorage)
  if (!(state instanceof Map)) return view.fail('bad-pickle', 'it does not hold a dictionary of tensors')
  const local = await source.locate(file)
  const weights = new Map<string, WeightEntry>()
  for (const [name, value] of state) {
    if (typeof name !== 'string') return view.fail('bad-pickle', 'a name in it is not a string')
    const tensor = tensorOf(view, name, value, find)
    weights.set(name, entryOf(view, name, tensor, local))
  }
  return weights
}

/** Bytes of a value, by the name of its storage. */
const sizeOfStorage = (type: string): number | undefined => {
  const storage = lookup(STORAGES, type)
  return storage && STORAGE[storage].size
}

/** The zip form of torch 1.6 and later. */
async function readArchive(view: FileView): Promise<SavedState> {
  const members = await readZip(view)
  const pickle = [...members.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name))
  if (!pickle) return view.fail('bad-pickle', 'its archive holds no data.pkl')
  const folder = pickle.name.slice(0, -'data.pkl'.length)
  const order = members.get(`${folder}byteorder`)
  if (order && new TextDecoder().decode(await view.read(order.offset, order.length)) !== 'little')
    view.fail('unsupported-dtype', 'it was written on a big-endian machine')
  const { value: state } = unpickle(await view.read(pickle.offset, pickle.length), ALLOWED, view.fail)
  return { state, find: (key) => members.get(`${folder}data/${key}`) }
}

function tensorOf(view: FileView, name: string, given: Pickled, find: SavedState['find']): TensorView {
  const lies = (what: string): never => view.fail('bad-pickle', `"${name}" ${what}`)
  const value = given instanceof Called && given.name === PARAMETER ? given.args[0] : given
  if (!(value instanceof Called) || ![TENSOR, OLD_TENSOR].includes(value.name)) return lies('is not a tensor')
  const [stored, first, shape, strides] = value.args
  if (!(stored instanceof PersistentId) || !Array.isArray(stored.id)) return lies('has no storage')
  const [tag, type, key, , count, part] = stored.id as readonly Pickled[]
  if (tag !== 'storage' || !(type instanceof Global)) return lies('has no storage')
  const storage = lookup(STORAGES, type.name)
  if (!storage) return lies(`is stored as ${type.name}, which is not a storage`)
  const member = typeof key === 'string' ? find(key) : undefined
  if (!member) return lies('lies in a storage that is not in the file')
  // Before torch 0.4 a storage could be a part of another: its name, where it begins and how long it is.
  const within = Array.isArray(part) ? (part as readonly Pickled[])[1] : 0
  const start = isSize(first) && isSize(within) ? first + within : undefined
  if (!isSize(start) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length || !isSize(count))
    return lies('has a shape, strides or an offset that are no sizes')
  const { size } = STORAGE[storage]
  if (count * size > member.length) lies(`claims a storage of ${count * size} bytes, and ${member.length} are there`)
  const last = sizeOf(shape) === 0 ? -1 : shape.reduce((sum, dim, i) => sum + (dim - 1) * (strides[i] as number), start)
  if ((last + 1) * size > member.length)
    lies(`of shape [${shape.join(', ')}] reaches beyond its storage of ${member.length} bytes`)
  // A stride of 0 repeats values that are stored once: a few bytes must not become a tensor of any size.
  if (sizeOf(shape) * size > member.length)
    lies(`of shape [${shape.join(', ')}] is larger than its storage of ${member.length} bytes`)
  return { member, storage, start, shape, strides }
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isSizes = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every(isSize)

function entryOf(
  view: FileView,
  name: string,
  tensor: TensorView,
  local: Awaited<ReturnType<Source['locate']>>,
): WeightEntry {
  const { member, storage, start, shape, strides } = tensor
  const { size } = STORAGE[storage]
  const count = sizeOf(shape)
  const plain = rowMajor(shape).every((stride, i) => (shape[i] as number) <= 1 || stride === strides[i])
  if (plain) {
    const [offset, length] = [member.offset + start * size, count * size]
    const read = (at: number, bytes: number) => view.read(at, bytes)
    const location = { file: view.file, offset, length, local, read }
    return { name, shape, storage, location, read: async () => decode(await view.read(offset, length), storage, shape) }
  }
  return {
    name,
    shape,
    storage,
    async read() {
      const span = shape.reduce((sum, dim, i) => sum + (dim - 1) * (strides[i] as number), 1)
      const bytes = await view.read(member.offset + start * size, span * size)
      return gatherStrided(decode(bytes, storage, [span]), shape, strides)
    },
  }
}
