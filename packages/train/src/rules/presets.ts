import { OptionError } from '@dual-encoder/core'
import { depthsOf, type TowerName, TOWERS } from './layers'
import type { Rule, RuleMaker } from './rules'

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const exactly = (names: readonly string[], factor: number | null): Rule[] =>
  names.length > 0 ? [[names.map(escaped).join('|'), factor]] : []

/** One letter a tower: `L` locked, `U` tuned from its weights, `u` drawn anew and trained. */
export type LitLetter = 'L' | 'U' | 'u'

export interface LitPreset {
  readonly rules: readonly Rule[]
  /** Towers to be drawn anew before the first step: for the trainer's option of that name. */
  readonly redraw: readonly TowerName[]
}

/**
 * LiT's settings (Zhai et al., "LiT: Zero-Shot Transfer with Locked-image text Tuning"): the image tower's letter, then
 * the text tower's. `L` locks a tower, but not its projection; `Lu` and `LU` are LiT, `uu` is CLIP from scratch.
 */
export function lit(pair: `${LitLetter}${LitLetter}`): LitPreset {
  if (!/^[LUu]{2}$/.test(pair))
    throw new OptionError(
      'bad-preset',
      `lit: "${pair}" given. Two letters are needed, image tower then text tower, each L (locked), U (tuned) or u (drawn anew): Lu, LU, UU, uu.`,
    )
  const letters: [TowerName, string][] = [
    ['vision', pair.charAt(0)],
    ['text', pair.charAt(1)],
  ]
  const locked = letters.filter(([, letter]) => letter === 'L').map(([tower]): Rule => [`${TOWERS[tower]}\\..*`, null])
  return {
    rules: [...locked, ['.*', 1]],
    redraw: letters.filter(([, letter]) => letter === 'u').map(([tower]) => tower),
  }
}

/** Of each tower named, the upper `count` layers and what stands above them are tuned, what lies below is locked. */
export function topLayers(counts: Readonly<Partial<Record<TowerName, number>>>): RuleMaker {
  return (names) =>
    towersIn(counts, 'topLayers').flatMap(([tower, count]) => {
      const { layers, depths } = depthsOf(names, tower)
      if (!Number.isInteger(count) || count < 0 || count > layers)
        throw new OptionError(
          'bad-preset',
          `topLayers: ${count} of the ${tower} tower's layers; it has ${layers}. Give 0 to ${layers}.`,
        )
      return exactly(
        [...depths].filter(([, depth]) => depth <= layers - count).map(([name]) => name),
        null,
      )
    })
}

/**
 * Layer-wise decay (BEiT's counting): what stands above the layers has all of the rate, the highest layer `decay` of it,
 * and so on down to the embeddings.
 */
export function layerDecay(decays: Readonly<Partial<Record<TowerName, number>>>): RuleMaker {
  return (names) =>
    towersIn(decays, 'layerDecay').flatMap(([tower, decay]) => {
      if (!(decay > 0 && decay <= 1))
        throw new OptionError('bad-preset', `layerDecay: ${decay} given; a number above 0 and up to 1 is needed.`)
      const { layers, depths } = depthsOf(names, tower)
      return Array.from({ length: layers + 2 }, (_, depth) =>
        exactly(
          [...depths].filter(([, at]) => at === depth).map(([name]) => name),
          decay ** (layers + 1 - depth),
        ),
      ).flat()
    })
}

function towersIn(values: Readonly<Partial<Record<TowerName, number>>>, where: string): [TowerName, number][] {
  const unknown = Object.keys(values).find((tower) => !Object.hasOwn(TOWERS, tower))
  if (unknown !== undefined)
    throw new OptionError('bad-preset', `${where}: there is no tower "${unknown}". Should be one of: vision, text.`)
  return Object.entries(values) as [TowerName, number][]
}
