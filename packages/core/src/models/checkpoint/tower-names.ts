import type { WeightEntry, Weights } from '../../weights/entry'
import { joinedRows } from '../../weights/rows'
import { bothSides, CheckpointError } from '../../base/errors'
import type { WarningListener } from '../../base/warnings'
import type { Param } from '../../ops/ops'
import type { Pooling, TextTowerModule, VisionTowerModule } from '../../towers/tower'

type TowerModule = VisionTowerModule | TextTowerModule

/** `LayerNorm.gamma` and `.beta` of checkpoints that came from the first TensorFlow BERT. */
const modernName = (name: string): string => name.replace(/\.gamma$/, '.weight').replace(/\.beta$/, '.bias')

/**
 * One tower's weights by the names that it asks for: old names modernised, the extra level of
 * transformers 4's CLIP towers removed, buffers of old checkpoints set aside.
 * @param prefix where the tower lies in the checkpoint, with its dot, or ''
 * @param into the prefix that its names get
 */
export function namedWeights(
  weights: Weights,
  tower: TowerModule,
  prefix: string,
  into: string,
  expected: ReadonlyMap<string, Param>,
): Map<string, WeightEntry> {
  const named = new Map<string, WeightEntry>()
  const joined = new Map<string, (WeightEntry | undefined)[]>()
  const { otherNames = [], joinedNames = [], staleNames = [] } = tower
  const inner = tower.innerName && `${tower.innerName}.`
  for (const given of weights.values()) {
    if (!given.name.startsWith(prefix)) continue
    let local = modernName(given.name.slice(prefix.length))
    const shape = expected.get(`${into}${local}`)?.shape
    const entry = (shape && given.sized?.(shape)) ?? given
    // What the tower asks for by this name has no other.
    if (!shape) {
      if (inner && local.startsWith(inner)) local = local.slice(inner.length)
      for (const [other, name] of otherNames) local = local.replace(other, name)
      const join = joinedNames.find(({ parts }) => parts.some((part) => local.includes(part)))
      if (join) {
        const part = join.parts.findIndex((each) => local.includes(each))
        const whole = `${into}${local.replace(join.parts[part] as string, join.whole)}`
        const parts = joined.get(whole) ?? join.parts.map(() => undefined)
        parts[part] = entry
        joined.set(whole, parts)
        continue
      }
    }
    const name = `${into}${local}`
    if (!expected.has(name) && staleNames.some((stale) => stale.test(local))) continue
    const other = named.get(name)
    if (other)
      throw new CheckpointError('duplicate-names', `The checkpoint holds "${name}" twice, under an old and a new name.`)
    named.set(
      name,
      entry.name === name ? entry : { ...entry, name, origin: entry.origin ?? entry.name, read: () => entry.read() },
    )
  }
  for (const [name, parts] of joined) {
    const whole = allAlike(parts) ? [joinedRows(name, parts)] : parts
    for (const entry of whole) if (entry) named.set(entry.name, entry)
  }
  return named
}

const allAlike = (parts: readonly (WeightEntry | undefined)[]): parts is readonly WeightEntry[] =>
  parts.every((part) => part && part.shape.slice(1).join() === parts[0]?.shape.slice(1).join())

/** The name under which a tower's weight is written: transformers 4's, which every Python loads. */
export function savedName(name: string, prefix: string, tower: TowerModule): string {
  return tower.innerName && name.startsWith(prefix) ? `${prefix}${tower.innerName}.${name.slice(prefix.length)}` : name
}

/**
 * Where a tower lies in a checkpoint: '' for a base model, `bert.` or `vision_model.` below a head or
 * in a whole CLIP. Decided by where most of its weights are found.
 */
export function findPrefix(weights: Weights, tower: TowerModule, localNames: readonly string[]): string {
  const modern = new Set([...weights.keys()].map(modernName))
  const first = localNames.find((name) => /embed.*\.weight$/.test(name)) ?? localNames[0] ?? ''
  const prefixes = new Set(['', ...(tower.innerName ? [`${tower.innerName}.`] : [])])
  for (const name of modern) if (name.endsWith(`.${first}`)) prefixes.add(name.slice(0, -first.length))
  let best = ''
  let most = 0
  for (const prefix of prefixes) {
    const found = localNames.filter((name) => modern.has(prefix + name)).length
    if (found > most) [best, most] = [prefix, found]
  }
  return best
}

/** Takes a tower's own pooler (SigLIP's head) out of its weights where `pooling` stands in for it. */
export function dropIdlePooler(
  weights: Map<string, WeightEntry>,
  expected: ReadonlyMap<string, Param>,
  prefix: string,
  pooling: Pooling | undefined,
): void {
  if (!pooling) return
  for (const name of weights.keys())
    if (!expected.has(name) && [`${prefix}pooler.`, `${prefix}head.`].some((start) => name.startsWith(start)))
      weights.delete(name)
}

/** Whether a weight is a pooler's. */
export const isPooler = (name: string): boolean => /(^|\.)pooler\./.test(name)

/** Takes out weights that the model does not have, and names them in a warning. */
export function setUnusedAside(
  weights: Map<string, WeightEntry>,
  expected: ReadonlyMap<string, Param>,
  where: string,
  warn: WarningListener,
): void {
  const unused = [...weights.values()].filter(({ name }) => !expected.has(name))
  if (unused.length === 0) return
  for (const { name } of unused) weights.delete(name)
  const names = unused.map(({ name, origin }) => origin ?? name)
  warn({ code: 'unused-weights', message: `${where}: left aside, as the model has none such: ${short(names)}.`, names })
}

/** The list of layers that a weight's name is of, and which of them. */
const layerOf = (name: string): { list: string; index: number } | undefined => {
  const [, list, index] = /^(.*?\.)(\d+)\./.exec(name) ?? []
  return list === undefined ? undefined : { list, index: Number(index) }
}

/** Takes out the layers above the `layers` that a tower is cut to, and says so. */
export function setLayersAside(
  weights: Map<string, WeightEntry>,
  expected: ReadonlyMap<string, Param>,
  { prefix, layers }: { readonly prefix: string; readonly layers: unknown },
  where: string,
  warn: WarningListener,
): void {
  if (typeof layers !== 'number') return
  const lists = new Set([...expected.keys()].map((name) => layerOf(name)?.list))
  const above = [...weights.keys()].filter((name) => {
    const layer = name.startsWith(prefix) && !expected.has(name) ? layerOf(name) : undefined
    return layer && layer.index >= layers && lists.has(layer.list)
  })
  if (above.length === 0) return
  for (const name of above) weights.delete(name)
  const indices = above.map((name) => layerOf(name)!.index)
  const message =
    `${where}: ${prefix}* is cut to ${layers} layers, as numHiddenLayers says; ` +
    `layers ${Math.min(...indices)} to ${Math.max(...indices)} (counted from 0) are left aside.`
  warn({ code: 'layers-left-aside', message, names: above })
}

/** Some names, and how many more there are. */
export const short = (names: readonly string[]): string =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ')

/**
 * @param advice on pooling, for where there is no pooler
 * @throws CheckpointError listing what is missing, unused or of the wrong shape.
 */
export function checkWeights(weights: Weights, expected: ReadonlyMap<string, Param>, where: string, advice = ''): void {
  const missing = [...expected.keys()].filter((name) => !weights.has(name))
  const unused = [...weights.values()].filter(({ name }) => !expected.has(name))
  if (missing.length > 0 && missing.every(isPooler) && unused.length === 0)
    throw new CheckpointError(
      'missing-pooler',
      `${where} holds no pooler weights (${missing.join(', ')}). Give pooling: 'cls' or 'mean' for that tower ` +
        "(e.g. { text: { pooling: 'mean' } }; { config: { pooling: 'mean' } } where a tower is loaded by itself) " +
        `to say what stands in for its pooler output.${advice}`,
    )
  if (missing.length > 0 || unused.length > 0)
    throw new CheckpointError(
      missing.length > 0 ? 'missing-weights' : 'unused-weights',
      `${where} does not fit its config: ${missing.length} weights are missing (-), ${unused.length} are not used (+).\n` +
        bothSides(
          missing,
          unused.map(({ name, origin }) => (origin ? `${name} (in the file: ${origin})` : name)),
        ) +
        (missing.length > 0 ? '' : "\nGive unusedWeights: 'warn' to leave them aside."),
    )
  const wrong = [...expected.values()].flatMap(({ name, shape }) => {
    const given = weights.get(name)?.shape ?? []
    const same = given.join() === shape.join()
    return same ? [] : [`  ${name}: [${given.join(', ')}] given, [${shape.join(', ')}] expected`]
  })
  if (wrong.length > 0)
    throw new CheckpointError(
      'wrong-shape',
      `${where}: ${wrong.length} weights do not have the shape that its config asks for.\n${wrong.slice(0, 20).join('\n')}`,
    )
}
