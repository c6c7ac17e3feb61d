/** The two towers, by the names under which their parameters stand in every checkpoint. */
export const TOWERS: Readonly<Record<TowerName, string>> = { vision: 'vision_model', text: 'text_model' }
export type TowerName = 'vision' | 'text'

export interface TowerDepths {
  /** Layers of the encoder, blocks of all stages counted through. */
  readonly layers: number
  /** By parameter: 0 for embeddings, 1 to `layers` for the layers from below, `layers` + 1 for what stands above them. */
  readonly depths: ReadonlyMap<string, number>
}

/** A layer, or a stage and the block within it. */
const LAYER =
  /\.(?:layers?|blocks|stages|albert_layer_groups)\.(\d+)\.(?:(?:.*?\.)?(?:layers|blocks|albert_layers)\.(\d+)\.)?/
/** What stands below the layers. */
const BELOW = /embed|pre_layrnorm|relative_(attention|position)_bias|\.encoder\.LayerNorm\./

/** Where each parameter of a tower stands. */
export function depthsOf(names: Iterable<string>, tower: TowerName): TowerDepths {
  const found = [...names]
    .filter((name) => name.startsWith(`${TOWERS[tower]}.`))
    .map((name) => {
      const [stage, block] = (LAYER.exec(name) ?? []).slice(1).map((at) => (at === undefined ? undefined : Number(at)))
      return { name, stage, block }
    })
  const lastBlocks = new Map<number, number>()
  for (const { stage, block = 0 } of found)
    if (stage !== undefined) lastBlocks.set(stage, Math.max(block, lastBlocks.get(stage) ?? 0))
  const places = found.map(({ name, stage, block }) => {
    if (stage === undefined) return { name, place: undefined }
    // What leads into a stage goes with its first block, what leads out of it with its last.
    const other = name.includes('.downsampling_layer.') ? 0 : lastBlocks.get(stage)!
    return { name, place: stage * 1e6 + (block ?? other) }
  })
  const order = [...new Set(places.flatMap(({ place }) => place ?? []))].sort((a, b) => a - b)
  const depthOf = (name: string, place: number | undefined): number => {
    if (place !== undefined) return order.indexOf(place) + 1
    return BELOW.test(name) ? 0 : order.length + 1
  }
  return { layers: order.length, depths: new Map(places.map(({ name, place }) => [name, depthOf(name, place)])) }
}
