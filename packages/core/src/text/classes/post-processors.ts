import type { JsonObject } from '../../base/pretrained-config'
import type { Switches } from './pipelines'

export type IdOf = (token: string) => number | undefined
type Part = readonly [token: string | 'A' | 'B', type: number]

/** `$A`, `$B` and special tokens with their types, as a TemplateProcessing. */
export function template(single: readonly Part[], pair: readonly Part[], idOf: IdOf): JsonObject {
  const item = ([of, type]: Part) =>
    of === 'A' || of === 'B' ? { Sequence: { id: of, type_id: type } } : { SpecialToken: { id: of, type_id: type } }
  const tokens = [...new Set(pair.map(([of]) => of))].filter((of) => of !== 'A' && of !== 'B')
  return {
    type: 'TemplateProcessing',
    single: single.map(item),
    pair: pair.map(item),
    special_tokens: Object.fromEntries(tokens.map((id) => [id, { id, ids: [idOf(id) ?? 0], tokens: [id] }])),
  }
}

/** `[CLS] A [SEP]`, and `[CLS] A [SEP] B [SEP]` whose second half has type 1. */
export function pairOfTypes(cls: string, sep: string, idOf: IdOf): JsonObject {
  const single: Part[] = [[cls, 0], ['A', 0], [sep, 0]] // prettier-ignore
  return template(single, [...single, ['B', 1], [sep, 1]], idOf)
}

/** `<s> A </s>`, and `<s> A </s></s> B </s>` all of type 0. */
export function twoSeparators(cls: string, sep: string, idOf: IdOf): JsonObject {
  const single: Part[] = [[cls, 0], ['A', 0], [sep, 0]] // prettier-ignore
  return template(single, [...single, [sep, 0], ['B', 0], [sep, 0]], idOf)
}

export const robertaProcessing = (
  [cls, sep]: readonly [string, string],
  idOf: IdOf,
  trims: boolean,
  prefixSpace: boolean,
): JsonObject => ({
  type: 'RobertaProcessing',
  sep: [sep, idOf(sep) ?? 0],
  cls: [cls, idOf(cls) ?? 0],
  trim_offsets: trims,
  add_prefix_space: prefixSpace,
})

/** TokenizersBackend's own: `add_bos_token` and `add_eos_token` say what stands around. */
export function bosEos(switches: Switches, idOf: IdOf): JsonObject {
  const [bos, eos] = [switches.token('bos_token'), switches.token('eos_token')]
  const first = (type: number): Part[] => (switches.is('add_bos_token', false) && bos ? [[bos, type]] : [])
  const last = (type: number): Part[] => (switches.is('add_eos_token', false) && eos ? [[eos, type]] : [])
  const single: Part[] = [...first(0), ['A', 0], ...last(0)]
  return template(single, [...single, ...first(1), ['B', 1], ...last(1)], idOf)
}
