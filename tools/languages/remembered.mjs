/**
 * The same, read once whoever asks.
 * @template Value @param {(name: string) => Promise<Value>} read @returns {(name: string) => Promise<Value>}
 */
export function remembered(read) {
  /** @type {Map<string, Promise<Value>>} */
  const all = new Map()
  return (name) => {
    const known = all.get(name) ?? read(name)
    all.set(name, known)
    return known
  }
}
