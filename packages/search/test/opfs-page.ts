import { SearchIndex } from '../src/index'
import { bmp, toyModel, toyProcessor } from './toy'

const open = (place: string, create = true) =>
  SearchIndex.open(place, { model: toyModel(), processor: toyProcessor, create })

const codeOf = (opened: Promise<unknown>) =>
  opened.then(
    () => 'opened',
    ({ code }: { code: string }) => code,
  )

Object.assign(globalThis, {
  async add(place: string, colours: readonly [number, number, number][]) {
    await using index = await open(place)
    const items = colours.map((colour) => ({
      id: colour.join(),
      image: new Blob([bmp(...colour)]),
      metadata: { red: colour[0] },
    }))
    const { added, unchanged } = await index.add(items.map((item) => ({ ...item, version: '1' })))
    return [added, unchanged]
  },
  async search(place: string, colour: [number, number, number], where?: string) {
    await using index = await open(place, false)
    const options = where === undefined ? {} : { where }
    return (await index.search({ image: new Blob([bmp(...colour)]) }, options)).map(({ id }) => id)
  },
  async openTwice(place: string) {
    const held = await open(place)
    const code = await codeOf(open(place))
    await held.close()
    return code
  },
  missing: () => codeOf(open('nothing', false)),
})
