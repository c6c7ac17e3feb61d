/** A value that is of the wrong kind, for messages. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  return value.constructor?.name === 'Object' ? 'an object' : `an object of type ${value.constructor?.name ?? 'Object'}`
}
