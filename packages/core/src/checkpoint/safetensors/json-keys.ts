/**
 * A key that stands twice in one object of valid JSON, which `JSON.parse` would hide.
 * Keys are compared after their escapes are resolved.
 */
export function repeatedKey(text: string): string | undefined {
  const objects: (Set<string> | undefined)[] = []
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [found] = match
    if (found === '{') objects.push(new Set())
    else if (found === '[') objects.push(undefined)
    else if (found === '}' || found === ']') objects.pop()
    else if (/^\s*:/.test(text.slice(token.lastIndex, token.lastIndex + 64))) {
      const keys = objects.at(-1)
      const key = JSON.parse(found) as string
      if (keys?.has(key)) return key
      keys?.add(key)
    }
  }
  return undefined
}
