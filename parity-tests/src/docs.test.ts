import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle } from './bundle'
import { FakeHub } from '../../tools/hub/fake-hub'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** The folders and files that the pages speak of. */
const FOLDERS = {
  clip: 'parity-tests/fixtures/families/clip',
  siglip: 'parity-tests/fixtures/families/siglip',
  'emoji-vit-bert': 'parity-tests/models/emoji-vit-bert',
  'flax-clip-roberta': 'parity-tests/fixtures/originals/flax-clip-roberta',
  'hybrid-clip-roberta': 'parity-tests/fixtures/originals/hybrid-clip-roberta',
  'tf-vit-bert': 'parity-tests/fixtures/originals/tf-vit-bert',
  pictures: 'parity-tests/models/emoji-vit-bert/samples',
  'pizza.png': 'parity-tests/models/emoji-vit-bert/samples/pizza.png',
}

const PAGES = [
  'README.md',
  'docs/index.md',
  'docs/start.md',
  'docs/label-pictures.md',
  'docs/lit.md',
  'docs/which-backend.md',
  'docs/from-pytorch.md',
  'docs/from-flax.md',
  'docs/from-tensorflow.md',
  'docs/evaluation.md',
  'docs/families.md',
  'docs/hub.md',
  'docs/int8.md',
  'docs/onnx.md',
  'docs/search.md',
  'docs/text.md',
  'docs/training-data.md',
  'docs/which-python.md',
  'docs/training.md',
]

/** A page's TypeScript blocks are one program; what a line prints stands behind it or below it. */
async function programOf(page: string): Promise<{ code: string; printed: string[] }> {
  const markdown = await readFile(`${ROOT}${page}`, 'utf8')
  const blocks = [...markdown.matchAll(/^```ts\n(.*?)^```/gms)].map(([, block]) => block as string)
  const printed = [...blocks.join('\n').matchAll(/^console\.log\(.*?\)(?: |\n)\/\/ (.*)$/gm)].map(
    ([, text]) => text as string,
  )
  const imports = blocks.flatMap((block) => block.match(/^import .*$/gm) ?? [])
  const rest = blocks.map((block) => block.replace(/^import .*$/gm, '')).join('\n')
  return { code: `${[...new Set(imports)].join('\n')}\n${rest}`, printed }
}

/** What pages load by name comes from here. */
let hub: FakeHub
beforeAll(async () => {
  hub = await FakeHub.start({ tokens: { write: {} } })
  await hub.publish('org/emoji-vit-bert', `${ROOT}${FOLDERS['emoji-vit-bert']}`)
})
afterAll(() => hub.close())

describe.each(PAGES)('%s', (page) => {
  it('runs, and prints what it says', async () => {
    const { code, printed } = await programOf(page)
    expect(printed.length).toBeGreaterThanOrEqual(1)
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-docs-'))
    for (const [name, path] of Object.entries(FOLDERS)) await symlink(`${ROOT}${path}`, join(folder, name))
    // In `node_modules`, where the engines are found.
    const file = `${ROOT}packages/onnx/node_modules/.docs/${basename(page)}.mjs`
    await bundle(code, file)
    const env = { ...process.env, HF_HOME: `${folder}/home`, HF_HUB_CACHE: '', HF_ENDPOINT: hub.url, HF_TOKEN: 'write' }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: folder, env })
    expect(stderr).toBe('')
    // An object over several lines is compared without its line breaks.
    const flat = (text: string) => text.replace(/\s+/g, ' ').trim()
    expect(flat(stdout)).toBe(flat(printed.join('\n')))
    await rm(folder, { recursive: true })
  })
})
