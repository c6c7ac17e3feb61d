import type { Fail } from './file-view'

/** Values that a pickle machine makes: nothing of them is ever called. */
export type Pickled =
  null | boolean | number | string | readonly Pickled[] | Map<Pickled, Pickled> | Global | Called | PersistentId

/** `module.name`, not looked up anywhere. */
export class Global {
  constructor(readonly name: string) {}
}
/** What REDUCE would have called, with what it was given. */
export class Called {
  constructor(
    readonly name: string,
    readonly args: readonly Pickled[],
  ) {}
}
export class PersistentId {
  constructor(readonly id: Pickled) {}
}

export interface Unpickled {
  readonly value: Pickled
  /** What it refers to outside itself. */
  readonly ids: readonly PersistentId[]
  /** The byte behind it. */
  readonly end: number
}

class Mark {}
type Slot = Pickled | Mark

const MAX_LONG = 8

/**
 * Reads a pickle (protocols 2 to 5) without executing anything: the opcodes that make data are
 * followed, and a call is only noted down.
 * @param allowed the globals that may appear; any other is an error that names it.
 * @param start where in `bytes` it begins
 */
export function unpickle(bytes: Uint8Array, allowed: ReadonlySet<string>, fail: Fail, start = 0): Unpickled {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const stack: Slot[] = []
  const memo = new Map<number, Slot>()
  const ids: PersistentId[] = []
  let at = start

  const skip = (length: number): number => {
    if (at + length > bytes.length) fail('truncated', `its pickle ends within a value of ${length} bytes at ${at}`)
    at += length
    return at - length
  }
  const u8 = () => view.getUint8(skip(1))
  const u16 = () => view.getUint16(skip(2), true)
  const u32 = () => view.getUint32(skip(4), true)
  const string = (length: number) => new TextDecoder().decode(bytes.subarray(skip(length), at))
  const line = () => {
    const end = bytes.indexOf(10, at)
    const found = string((end < 0 ? bytes.length + 1 : end) - at)
    at++
    return found
  }
  const wide = () => Number(view.getBigUint64(skip(8), true))
  const pop = (): Pickled => {
    const value = stack.pop()
    if (value === undefined || value instanceof Mark) return fail('bad-pickle', `its stack is empty at ${at}`)
    return value
  }
  const popMark = (): Pickled[] => {
    const mark = stack.findLastIndex((slot) => slot instanceof Mark)
    if (mark < 0) fail('bad-pickle', `a mark is missing at ${at}`)
    return stack.splice(mark).slice(1) as Pickled[]
  }
  const top = <T extends Pickled>(test: (value: Slot | undefined) => value is T, what: string): T => {
    const value = stack.at(-1)
    return test(value) ? value : fail('bad-pickle', `no ${what} stands on its stack at ${at}`)
  }
  const isMap = (value: Slot | undefined): value is Map<Pickled, Pickled> => value instanceof Map
  const isList = (value: Slot | undefined): value is Pickled[] => Array.isArray(value)
  const set = (pairs: Pickled[]) => {
    const map = top(isMap, 'dictionary')
    for (let i = 0; i + 1 < pairs.length; i += 2) map.set(pairs[i] as Pickled, pairs[i + 1] as Pickled)
  }
  const global = (module: string, name: string) => {
    const whole = `${module}.${name}`
    if (!allowed.has(whole))
      fail(
        'unsafe-pickle',
        `it asks for ${whole}, which is not one of the things that hold tensors. Nothing was executed. ` +
          `If you trust the file, save it from Python as safetensors. Known: ${[...allowed].join(', ')}`,
      )
    stack.push(new Global(whole))
  }
  const call = () => {
    const args = pop()
    const target = pop()
    if (!(target instanceof Global) || !Array.isArray(args)) fail('bad-pickle', `a call at ${at} has no target`)
    const { name } = target
    stack.push(name === 'collections.OrderedDict' ? new Map() : new Called(name, args as Pickled[]))
  }
  const long = (length: number) => {
    if (length > MAX_LONG) fail('bad-pickle', `an integer of ${length} bytes at ${at} is larger than any size`)
    let value = 0n
    const start = skip(length)
    for (let i = 0; i < length; i++) value |= BigInt(bytes[start + i] as number) << BigInt(8 * i)
    return Number(BigInt.asIntN(8 * length, value))
  }
  const remember = (key: number) => memo.set(key, stack.at(-1) ?? null)
  const recall = (key: number) => {
    const value = memo.get(key)
    if (value === undefined) fail('bad-pickle', `it recalls value ${key}, which it never kept`)
    stack.push(value)
  }

  const opcodes: Readonly<Record<string, () => void>> = {
    '\x80': () => void (u8() > 5 && fail('bad-pickle', 'its protocol is newer than 5')),
    '\x95': () => void skip(8),
    '(': () => void stack.push(new Mark()),
    '0': () => void pop(),
    '1': () => void popMark(),
    '2': () => void stack.push(stack.at(-1) ?? null),
    N: () => void stack.push(null),
    '\x88': () => void stack.push(true),
    '\x89': () => void stack.push(false),
    K: () => void stack.push(u8()),
    M: () => void stack.push(u16()),
    J: () => void stack.push(view.getInt32(skip(4), true)),
    '\x8a': () => void stack.push(long(u8())),
    '\x8b': () => void stack.push(long(u32())),
    G: () => void stack.push(view.getFloat64(skip(8))),
    X: () => void stack.push(string(u32())),
    '\x8c': () => void stack.push(string(u8())),
    '\x8d': () => void stack.push(string(wide())),
    U: () => void stack.push(string(u8())),
    T: () => void stack.push(string(u32())),
    C: () => void stack.push(string(u8())),
    B: () => void stack.push(string(u32())),
    '}': () => void stack.push(new Map()),
    d: () => {
      const pairs = popMark()
      stack.push(new Map())
      set(pairs)
    },
    s: () => {
      const value = pop()
      set([pop(), value])
    },
    u: () => set(popMark()),
    ']': () => void stack.push([]),
    l: () => void stack.push(popMark()),
    a: () => {
      const value = pop()
      top(isList, 'list').push(value)
    },
    e: () => {
      const values = popMark()
      const list = top(isList, 'list')
      for (const value of values) list.push(value)
    },
    ')': () => void stack.push([]),
    t: () => void stack.push(popMark()),
    '\x85': () => void stack.push([pop()]),
    '\x86': () => void stack.push([pop(), pop()].reverse()),
    '\x87': () => void stack.push([pop(), pop(), pop()].reverse()),
    q: () => void remember(u8()),
    r: () => void remember(u32()),
    '\x94': () => void remember(memo.size),
    h: () => recall(u8()),
    j: () => recall(u32()),
    c: () => global(line(), line()),
    '\x93': () => {
      const [name, module] = [pop(), pop()]
      // Lists may hold one another many times over: no text is made of them.
      if (typeof name !== 'string' || typeof module !== 'string') fail('bad-pickle', `a global at ${at} has no name`)
      else global(module, name)
    },
    R: call,
    '\x81': call,
    Q: () => {
      const id = new PersistentId(pop())
      ids.push(id)
      stack.push(id)
    },
    // The `_metadata` that state dicts carry: versions of modules, of no use here.
    b: () => {
      pop()
      top(isMap, 'dictionary')
    },
  }
  for (;;) {
    const opcode = String.fromCharCode(u8())
    if (opcode === '.') return { value: pop(), ids, end: at }
    const run = Object.hasOwn(opcodes, opcode) ? opcodes[opcode] : undefined
    if (!run)
      fail('bad-pickle', `opcode 0x${opcode.charCodeAt(0).toString(16)} at ${at - 1} is not one that checkpoints use`)
    run?.()
  }
}
