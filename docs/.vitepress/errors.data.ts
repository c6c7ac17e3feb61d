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
  const parts = [...rest.matchAll(/`((?:[^`\\]|\\.)*)`|'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"/g)]
  const kept: string[] = []
  let end = 0
  for (const part of parts) {
    // Literals that belong together are joined by nothing but a plus.
    if (kept.length > 0 && !/^[\s+]*$/.test(rest.slice(end, part.index))) break
    kept.push(part[1] ?? part[2] ?? part[3] ?? '')
    end = part.index + part[0].length
  }
  return kept
    .join('')
    .replace(/\$\{[^{}]*(\{[^{}]*\}[^{}]*)*\}/g, '…')
    .replace(/\\(.)/g, '$1')
}

const CODE = String.raw`'(?<code>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)'`
const SERVER = 'answer of the server'
const way = (before: string): RegExp => new RegExp(String.raw`${before}\s*${CODE}`, 'g')

/** The ways in which sources name a code, each with what carries it, and what begins its message. */
const WAYS: readonly {
  readonly pattern: RegExp
  readonly kind: (match: RegExpMatchArray, source: string, file: string) => string
  readonly begins?: string
}[] = [
  { pattern: way(String.raw`\bnew (?<kind>\w+Error)\(\s*(?:[^'",;(){}]*\?)?`), kind: ({ groups }) => groups!['kind']! },
  { pattern: way(String.raw`\b(?:new Refused|errorBody)\(\s*\d+,`), kind: () => SERVER },
  {
    pattern: way(String.raw`\b(?:fail|lies)\(`),
    kind: () => 'CheckpointError',
    begins: '… is not a sound file: ',
  },
  {
    pattern: way(String.raw`\bcode:`),
    // What a file warns of, else what it makes an error of, else what is found in place of a checkpoint's file.
    kind: (_, source, file) =>
      file.startsWith('cli/src/server')
        ? SERVER
        : /Warning|warn\(/.test(source)
          ? 'warning'
          : (/new (\w+Error)\(\s*code,/.exec(source)?.[1] ?? 'CheckpointError'),
  },
]
const WITHOUT_OWN = 'The message depends on what failed below.'

/** Every `code` that the packages throw, answer or warn with, asked of their sources: none can be forgotten here. */
export function errorCodes(): ErrorCode[] {
  const codes = new Map<string, { kinds: Set<string>; message: string }>()
  for (const name of readdirSync(PACKAGES, { recursive: true, encoding: 'utf8' })) {
    if (!/^[\w-]+\/src\/.*\.ts$/.test(name) || name.endsWith('.test.ts')) continue
    const source = readFileSync(new URL(name, PACKAGES), 'utf8')
    for (const { pattern, kind, begins = '' } of WAYS)
      for (const match of source.matchAll(pattern)) {
        const { code = '' } = match.groups!
        const end = match.index + match[0].length
        const rest = source.slice(end, end + 600).replace(/^[\s:,]*('[a-z-]+')?,(\s*\w+:)?/, '')
        const known = codes.get(code) ?? { kinds: new Set<string>(), message: '' }
        known.kinds.add(kind(match, source, name))
        const said = messageOf(rest)
        if (/\w+ \w+/.test(said)) known.message ||= begins + said
        codes.set(code, known)
      }
  }
  return [...codes]
    .map(([code, { kinds, message }]) => ({ code, kinds: [...kinds].sort(), message: message || WITHOUT_OWN }))
    .sort((a, b) => a.code.localeCompare(b.code))
}

export default { watch: ['../../packages/*/src/**/*.ts'], load: errorCodes }
