import { OptionError } from '@dual-encoder/core'
import { bothSides, sizeOf } from '@dual-encoder/core/backend'

/**
 * Which parameters, and what their learning rate is multiplied by; `null` locks them. A string is a regular expression
 * that the whole name has to match; a RegExp is taken as it is.
 */
export type Rule = readonly [pattern: string | RegExp, factor: number | null]

/** Rules that depend on what parameters there are. */
export type RuleMaker = (names: readonly string[]) => readonly Rule[]

export type Rules = readonly (Rule | RuleMaker)[]

/**
 * The factor of each parameter: the first rule that matches says it.
 * @throws OptionError naming the parameters that no rule covers, or a rule that no parameter matches (a typo, most likely)
 */
export function factorsOf(names: readonly string[], rules: Rules): Map<string, number | null> {
  const given = rules.flatMap((rule) => (typeof rule === 'function' ? rule(names) : [rule]))
  const tests = given.map((rule) => ({ ...compiled(rule), used: false }))
  const uncovered: string[] = []
  const factors = new Map<string, number | null>()
  for (const name of names) {
    const matching = tests.filter(({ matches }) => matches(name))
    for (const test of matching) test.used = true
    if (matching[0]) factors.set(name, matching[0].factor)
    else uncovered.push(name)
  }
  if (uncovered.length > 0)
    throw new OptionError(
      'rules-uncovered',
      `rules: no rule covers ${uncovered.length} of ${names.length} parameters. Add one for them, or ['.*', 1] last:\n` +
        bothSides(uncovered, []),
    )
  const unused = tests.filter(({ used }) => !used).map(({ source }) => source)
  if (unused.length > 0)
    throw new OptionError(
      'rules-unused',
      `rules: ${unused.map((source) => `"${source}"`).join(', ')} matches no parameter (probably a typo). ` +
        `A string has to match the whole name, such as "${names[0] ?? 'logit_scale'}".`,
    )
  return factors
}

function compiled([pattern, factor]: Rule) {
  if (factor !== null && !(typeof factor === 'number' && factor >= 0 && factor < Infinity))
    throw new OptionError(
      'bad-rule',
      `rules: the factor of "${String(pattern)}" is ${String(factor)}; a number from 0 on, or null to lock.`,
    )
  if (pattern instanceof RegExp) {
    const source = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
    return { source: String(pattern), factor, matches: (name: string) => source.test(name) }
  }
  try {
    const source = new RegExp(`^(?:${pattern})$`)
    return { source: pattern, factor, matches: (name: string) => source.test(name) }
  } catch (cause) {
    throw new OptionError('bad-rule', `rules: "${pattern}" is no regular expression: ${(cause as Error).message}.`, {
      cause,
    })
  }
}

/** What a run does with one parameter. */
export interface TrainedParameter {
  readonly name: string
  readonly factor: number
  /** Weight decay is for matrices: biases, norms and scales of fewer than two dimensions have none. */
  readonly decay: boolean
}

export interface ParameterPlan {
  readonly trained: readonly TrainedParameter[]
  readonly locked: readonly string[]
}

/** What batch norms saw while they were trained: no parameters, and no gradient is theirs. */
const SEEN = /\.(running_mean|running_var|num_batches_tracked)$/

/** @param params sizes by name; statistics of batch norms stay what they are, and what has no values @throws OptionError as `factorsOf`, or where everything is locked */
export function planOf(params: ReadonlyMap<string, readonly number[]>, rules: Rules): ParameterPlan {
  const factors = factorsOf([...params.keys()], rules)
  const trained: TrainedParameter[] = []
  const locked: string[] = []
  for (const [name, factor] of factors)
    if (factor === null || SEEN.test(name) || sizeOf(params.get(name)!) === 0) locked.push(name)
    else trained.push({ name, factor, decay: params.get(name)!.length >= 2 })
  if (trained.length === 0)
    throw new OptionError('nothing-to-train', 'rules: every parameter is locked. Give some a factor.')
  return { trained, locked }
}
