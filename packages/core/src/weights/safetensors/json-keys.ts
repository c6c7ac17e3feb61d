const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** The index of the quote that ends the string begun at `start`. Not a pattern: long strings overflow its stack. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}

const isSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d)

/**
 * A key that stands twice in one object of valid JSON, which `JSON.parse` would hide.
 * Keys are compared after their escapes are resolved.
 */
export function repeatedKey(text: string): string | undefined {
  const objects: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const found = text[at]
    if (found === '{') objects.push(new Set())
    else if (found === '[') objects.push(undefined)
    else if (found === '}' || found === ']') objects.pop()
    else if (found === '"') {
      const end = endOfString(text, at)
      let next = end + 1
      while (isSpace(text.charCodeAt(next))) next++
      if (text.charCodeAt(next) === COLON) {
        const keys = objects.at(-1)
        const key = JSON.parse(text.slice(at, end + 1)) as string
        if (keys?.has(key)) return key
        keys?.add(key)
      }
      at = next - 1
    }
  }
  return undefined
}
