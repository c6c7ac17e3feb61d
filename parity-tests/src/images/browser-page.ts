import { checkDecoding, type DecodingFixture } from './decoding'
import { checkProcessor, type ProcessorFixture } from './processors'

/** What the page found to differ, by backend and by file. */
export interface BrowserResult {
  torchvision: string[]
  pil: string[]
  files: Record<string, string>
}

/** Runs every image fixture where the page runs: a window or a worker. `fixtures` is the folder's URL. */
export async function checkImages(fixtures: string): Promise<BrowserResult> {
  const json = async (name: string): Promise<unknown> => (await fetch(`${fixtures}/${name}`)).json()
  const { cases } = (await json('processors.json')) as ProcessorFixture
  const { files } = (await json('decoding.json')) as DecodingFixture
  const result: BrowserResult = { torchvision: [], pil: [], files: {} }
  for (const backend of ['torchvision', 'pil'] as const)
    for (const item of cases) {
      const difference = await checkProcessor(item, backend)
      if (difference) result[backend].push(difference)
    }
  for (const [name, expected] of Object.entries(files)) {
    const bytes = new Uint8Array(await (await fetch(`${fixtures}/files/${name}`)).arrayBuffer())
    const difference = await checkDecoding(bytes, expected)
    if (difference) result.files[name] = difference
  }
  return result
}

Object.assign(globalThis, { checkImages })
