import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cli, fixture, SAMPLES } from './cli'

const MODEL = fixture('models/emoji-vit-bert')
const example = (path: string): Promise<unknown> => import(fixture(`../examples/${path}`))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-examples-'))
})
afterAll(() => rm(folder, { recursive: true }))

it('photo-search finds pictures by words', async () => {
  const { photoSearch } = (await example('photo-search/photo-search.mjs')) as {
    photoSearch(model: string, folder: string, texts: string[]): AsyncIterable<string>
  }
  const lines: string[] = []
  for await (const line of photoSearch(MODEL, SAMPLES, ['a slice of pizza'])) lines.push(line)
  expect(lines).toHaveLength(4)
  expect(lines[0]).toBe('12 pictures, 0 that cannot be read')
  expect(lines[1]).toMatch(/^a slice of pizza: pizza\.png 0\.\d{3}$/)
})

it("next-route's handler answers texts and uploads", async () => {
  const index = join(folder, 'index')
  await cli('index', SAMPLES, '--index', index, '--model', MODEL)
  Object.assign(process.env, { MODEL, INDEX: index })
  const { GET, POST } = (await example('next-route/app/api/search/route.ts')) as Record<
    'GET' | 'POST',
    (request: Request) => Promise<Response>
  >
  const best = async (response: Response) => ((await response.json()) as { hits: { id: string }[] }).hits[0]!.id
  const url = 'http://localhost/api/search'
  expect(await best(await GET(new Request(`${url}?q=a+slice+of+pizza`)))).toBe(join(SAMPLES, 'pizza.png'))
  const body = new FormData()
  body.append('image', new File([await readFile(join(SAMPLES, 'airplane.png'))], 'mine.png'))
  expect(await best(await POST(new Request(url, { method: 'POST', body })))).toBe(join(SAMPLES, 'airplane.png'))
  expect((await POST(new Request(url, { method: 'POST', body: new FormData() }))).status).toBe(400)
})

it("electron's main process answers its page", async () => {
  const { answerSearches } = (await example('electron/searches.mjs')) as {
    answerSearches(ipc: object, options: object): { close(): Promise<void> }
  }
  const channels = new Map<string, (event: unknown, ...given: unknown[]) => Promise<unknown>>()
  const ipc = { handle: (channel: string, listener: never) => void channels.set(channel, listener) }
  let [chosen, shown] = [undefined as string | undefined, 0]
  const searches = answerSearches(ipc, {
    model: MODEL,
    index: join(folder, 'electron'),
    chooseFolder: () => Promise.resolve(chosen),
    onProgress: ({ done }: { done: number }) => (shown = done),
  })
  const ask = (channel: string, ...given: unknown[]) => channels.get(channel)!({}, ...given)
  expect(await ask('add')).toBeUndefined()
  chosen = SAMPLES
  expect(await ask('add')).toEqual({ added: 12, unchanged: 0, removed: 0, failed: [] })
  expect(shown).toBe(12)
  const [best] = (await ask('search', 'a slice of pizza')) as { id: string }[]
  expect(best!.id).toBe(join(SAMPLES, 'pizza.png'))
  for (const text of ['', { image: '/etc/passwd' }]) expect(await ask('search', text)).toEqual([])
  await searches.close()
})
