/** An own entry of a table that names from files look up: `constructor` is none. */
export const lookup = <T>(table: Readonly<Record<string, T>>, name: unknown): T | undefined =>
  typeof name === 'string' && Object.hasOwn(table, name) ? table[name] : undefined
