/** The pools that tools/reference/tokenizer_strings.py draws from. */
export interface Pools {
  readonly scripts: readonly (readonly string[])[]
  readonly emoji: readonly string[]
  readonly gaps: readonly string[]
  readonly pieces: readonly string[]
  readonly ranges: readonly (readonly [start: number, end: number])[]
  /** How many strings are composed; the others sweep over the code points. */
  readonly composed: number
}

const SWEPT = 0x20000
const PER_SWEEP = 16

class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  below(n: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return (this.#state >>> 8) % n
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
}

/** `strings` of tools/reference/tokenizer_strings.py, drawn in the same order. */
export function strings(pools: Pools): string[] {
  return [
    ...Array.from({ length: pools.composed }, (_, i) => composed(pools, i)),
    ...Array.from({ length: SWEPT / PER_SWEEP }, (_, i) => swept(i)),
  ]
}

function composed({ scripts, emoji, gaps, pieces, ranges }: Pools, index: number): string {
  const random = new Random(Math.imul(index, 2654435761) >>> 0)
  const words = (count: number, pick: () => string) => Array.from({ length: count }, pick)
  const english = scripts[0]!
  switch (index % 8) {
    case 0:
    case 1: {
      const script = random.below(2) === 0 ? english : random.of(scripts)
      const sentence = words(3 + random.below(10), () => random.of(script)).join(' ')
      return sentence + random.of(['.', '!', '', '?', '。', ' ,'])
    }
    case 2:
      return words(2 + random.below(8), () => random.of(random.of(scripts))).join(' ')
    case 3: {
      const hostile = () => {
        const [start, end] = random.of(ranges)
        return String.fromCodePoint(start + random.below(end - start))
      }
      return words(1 + random.below(12), () => (random.below(5) === 0 ? random.of(english) : hostile())).join('')
    }
    case 4:
      return words(1 + random.below(8), () => random.of([random.of(emoji), ' ', random.of(english)])).join('')
    case 5:
      return words(1 + random.below(8), () => random.of(random.of(scripts)) + random.of(gaps)).join('')
    case 6:
      return random.of(random.of(scripts)).repeat(1 + random.below(60)) + random.of(gaps) + random.of(english)
    default: {
      const pick = () => random.of([random.of(pieces), ' ', random.of(random.of(scripts)), random.of(gaps)])
      return words(1 + random.below(6), pick).join('')
    }
  }
}

function swept(index: number): string {
  const points = Array.from({ length: PER_SWEEP }, (_, i) => index * PER_SWEEP + i)
  return points
    .filter((point) => point < 0xd800 || point >= 0xe000)
    .map((point) => String.fromCodePoint(point))
    .map((char) => `a${char}B${char} `)
    .join('')
}
