import { build } from 'esbuild'

export interface TowerRow {
  readonly type: string
  readonly config: string
  readonly layers?: number
  readonly width?: number
}
export interface FamilyRow {
  readonly modelType: string
  readonly modelClass: string
  readonly loss: string
  readonly projected: boolean
  readonly towers?: { readonly vision: string; readonly text: string }
}
export interface Towers {
  readonly vision: readonly TowerRow[]
  readonly text: readonly TowerRow[]
  readonly families: readonly FamilyRow[]
}
declare const data: Towers
export { data }

/** Asked of the code: each tower's `model_type`, its config's class and what its defaults are. */
const PROGRAM = `
import { isVisionTower, textTowerOf, towerTypes, visionTowerOf } from './towers/registry'
import * as families from './models/families'
const rowOf = (type) => {
  const { config } = isVisionTower(type) ? visionTowerOf(type) : textTowerOf(type)
  const { numHiddenLayers, hiddenSize } = config.fromJSON({ model_type: type })
  return { type, config: config.name, layers: numHiddenLayers, width: hiddenSize }
}
export const towers = {
  vision: towerTypes().filter(isVisionTower).map(rowOf),
  text: towerTypes().filter((type) => !isVisionTower(type)).map(rowOf),
  families: Object.values(families).filter((family) => family.modelClass),
}
`

export default {
  watch: ['../../packages/core/src/towers/registry.ts'],
  async load(): Promise<Towers> {
    const { outputFiles } = await build({
      stdin: { contents: PROGRAM, resolveDir: new URL('../../packages/core/src', import.meta.url).pathname },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      conditions: ['@dual-encoder/source'],
      keepNames: true,
      external: ['node:*'],
    })
    const code = outputFiles[0]!.text
    return ((await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)) as { towers: Towers })
      .towers
  },
}
