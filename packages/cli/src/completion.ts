import type { Command } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const

/** A script for a shell. Words of each command come from the commands themselves; other words are names of files. */
export function completion(program: Command, shell: (typeof SHELLS)[number]): string {
  const paths = commandsOf(program)
  return shell === 'fish' ? fish(program.name(), paths) : bash(program.name(), paths, shell === 'zsh')
}

interface Completed {
  /** Commands before, as `cache remove`; empty for the program. */
  readonly path: string
  readonly words: readonly { readonly word: string; readonly about: string }[]
}

function commandsOf(command: Command, path: readonly string[] = []): Completed[] {
  const help = command.createHelp()
  const commands = help.visibleCommands(command).map((sub) => ({ word: sub.name(), about: sub.description() }))
  const flags = help
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long ? [{ word: long, about: description }] : []))
  return [
    { path: path.join(' '), words: [...commands, ...flags] },
    ...command.commands.flatMap((sub) => commandsOf(sub, [...path, sub.name()])),
  ]
}

/** zsh runs it too, by its own emulation. */
function bash(name: string, paths: readonly Completed[], zsh: boolean): string {
  const cases = paths.map(({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`)
  return `${zsh ? 'autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n' : ''}_dual_encoder() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" words=''
  [ "$COMP_CWORD" -le 1 ] && command=''
  case "$command" in cache) [ "$COMP_CWORD" -gt 2 ] && command="$command \${COMP_WORDS[2]}" ;; esac
  case "$command" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ "$current" == -* || -z "$command" ]] || COMPREPLY+=($(compgen -f -- "$current"))
}
complete -o filenames -F _dual_encoder ${name}
`
}

function fish(name: string, paths: readonly Completed[]): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = paths.flatMap(({ path, words }) =>
    words.map(({ word, about }) => {
      const where =
        path === ''
          ? '__fish_use_subcommand'
          : path
              .split(' ')
              .map((part) => `__fish_seen_subcommand_from ${part}`)
              .join('; and ')
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`
      return `complete -c ${name} -n ${quoted(where)} ${what} -d ${quoted(about)}`
    }),
  )
  return `${lines.join('\n')}\n`
}
