import { readdirSync, readFileSync } from 'node:fs'

export interface ErrorCode {
  readonly code: string
  readonly kinds: readonly string[]
  /** The message as the source has it, what is filled in shown as `…`. */
  readonly message: string
}
declare const data: readonly ErrorCode[]
export { data }

const PACKAGES = new URL('../../packages/', import.meta.url)

/** The first literal of a call's message and what follows it, without what is computed. */
function messageOf(rest: string): string {
  const parts = [...rest.matchAll(/`((?:[^`\\]|\\.)*)`|'((?:[^'\\\n]|\\.)*)'/g)]
  const kept: string[] = []
  let end = 0
  for (const part of parts) {
    // Literals that belong together are joined by nothing but a plus.
    if (kept.length > 0 && !/^[\s+]*$/.test(rest.slice(end, part.index))) break
    kept.push(part[1] ?? part[2] ?? '')
    end = part.index + part[0].length
  }
  return kept
    .join('')
    .replace(/\$\{[^{}]*(\{[^{}]*\}[^{}]*)*\}/g, '…')
    .replace(/\\(.)/g, '$1')
}

/** Every `code` that the packages throw, asked of their sources: none can be forgotten here. */
export function errorCodes(): ErrorCode[] {
  const codes = new Map<string, { kinds: Set<string>; message: string }>()
  for (const name of readdirSync(PACKAGES, { recursive: true, encoding: 'utf8' })) {
    if (!/^[\w-]+\/src\/.*\.ts$/.test(name) || name.endsWith('.test.ts')) continue
    const source = readFileSync(new URL(name, PACKAGES), 'utf8')
    for (const match of source.matchAll(
      /\bnew (\w+Error)\(\s*(?:[^'",;(){}]*\?\s*)?'([a-z][a-z0-9]*(?:-[a-z0-9]+)*)'/g,
    )) {
      const [whole, kind = '', code = ''] = match
      const rest = source.slice(match.index + whole.length, match.index + whole.length + 600)
      const known = codes.get(code) ?? { kinds: new Set<string>(), message: '' }
      known.kinds.add(kind)
      known.message ||= messageOf(rest.replace(/^[\s:,]*('[a-z-]+')?,/, ''))
      codes.set(code, known)
    }
  }
  return [...codes]
    .map(([code, { kinds, message }]) => ({ code, kinds: [...kinds].sort(), message }))
    .sort((a, b) => a.code.localeCompare(b.code))
}

export default { watch: ['../../packages/*/src/**/*.ts'], load: errorCodes }
