import { graphemes } from './unicode'

/** A text that went through a normaliser, and where each UTF-16 unit of it came from. */
export interface Aligned {
  readonly text: string
  /** Start and end in the original, in UTF-16 units, of each unit of `text`; undefined where nobody asked. */
  readonly spans: Spans | undefined
}

export interface Spans {
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

/** A part of a text, what a step makes of it, and whether all of that stands where the part's last code point does. */
export type Part = readonly [text: string, result: string, atLast?: boolean]

/** A step of normalisation. `parts` cuts a text where the step's work on both sides is independent. */
export interface Normalizer {
  apply(text: string): string
  parts?(text: string): readonly Part[]
}

/** The spans of a text in itself. */
export function ownSpans(text: string): Spans {
  const starts: number[] = []
  const ends: number[] = []
  let at = 0
  for (const char of text) {
    const end = at + char.length
    for (let unit = at; unit < end; unit++) {
      starts.push(at)
      ends.push(end)
    }
    at = end
  }
  return { starts, ends }
}

export const cutSpans = (spans: Spans | undefined, start: number, end: number): Spans | undefined =>
  spans && { starts: spans.starts.slice(start, end), ends: spans.ends.slice(start, end) }

/**
 * Applies a step. With spans, it is applied to the smallest parts that give the same text: code points, else
 * graphemes, else the whole. The n-th code point of a part's result comes from the n-th of the part, those
 * beyond it from its last (the Rust library's rule).
 */
export function applyAligned(step: Normalizer, { text, spans }: Aligned): Aligned {
  const result = step.apply(text)
  if (!spans || result === text) return { text: result, spans }
  const cuts = [(all: string) => [...all], graphemes, (all: string) => [all]]
  const applied = cuts.map((cut) => (all: string) => cut(all).map((part): Part => [part, step.apply(part)]))
  for (const cut of [step.parts?.bind(step), ...applied]) {
    const parts = cut?.(text)
    if (parts?.map(([, made]) => made).join('') === result) return { text: result, spans: follow(parts, spans) }
  }
  return { text: result, spans }
}

function follow(parts: readonly Part[], spans: Spans): Spans {
  const starts: number[] = []
  const ends: number[] = []
  let at = 0
  for (const [part, result, atLast = false] of parts) {
    const origin = [...part]
    let n = atLast ? Math.max(origin.length - 1, 0) : 0
    let from = at + (atLast ? part.length - (origin.at(-1)?.length ?? 0) : 0)
    for (const char of result) {
      starts.push(...Array<number>(char.length).fill(spans.starts[from] ?? 0))
      ends.push(...Array<number>(char.length).fill(spans.ends[from] ?? 0))
      if (n < origin.length - 1) from += (origin[n] as string).length
      n++
    }
    at += part.length
  }
  return { starts, ends }
}
