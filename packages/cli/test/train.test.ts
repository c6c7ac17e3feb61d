import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../src/index'
import { builtBin, shell } from './bin'
import { cli, fixture, SAMPLES } from './cli'

interface Expected {
  images: string[]
  labels: string[]
  logits_per_image_torchvision: number[][]
}

let folder: string
let python: number[][]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-train-'))
  const expected = JSON.parse(await readFile(fixture('models/emoji-vit-bert/expected.json'), 'utf8')) as Expected
  const { images, labels } = expected
  python = expected.logits_per_image_torchvision
  await cp(SAMPLES, join(folder, 'captioned'), { recursive: true })
  const rows = images.map((name, i) => `${name},${labels[i]}`)
  await writeFile(join(folder, 'captioned/metadata.csv'), `file_name,text\n${rows.join('\n')}\n`)
  for (const [i, name] of images.entries())
    await cp(join(SAMPLES, name), join(folder, 'classes', labels[i]!.replaceAll(' ', '_'), name))
})
afterAll(() => rm(folder, { recursive: true }))

describe('eval', () => {
  it('measures retrieval over captions', async () => {
    const { code, values } = await cli('eval', join(folder, 'captioned'), '--json')
    expect(code).toBe(0)
    const [report] = values as unknown as { pictures: number; textToImage: { recallAt: Record<string, number> } }[]
    expect(report!.pictures).toBe(12)
    const best = (scores: number[]) => scores.indexOf(Math.max(...scores))
    const right = python
      .map((_, text) => best(python.map((row) => row[text]!)))
      .filter((picture, text) => picture === text)
    expect(report!.textToImage.recallAt['1']).toBeCloseTo(right.length / 12)
  })

  it('measures zero-shot accuracy over folders, and names what cannot be read', async () => {
    await writeFile(join(folder, 'classes/pizza/damaged.png'), 'no picture')
    const { code, out, err } = await cli('eval', join(folder, 'classes'), '--template', '{}')
    expect(code).toBe(3)
    expect(out).toMatch(/^12 pictures of 12 classes: top-1 accuracy [789]\d\.\d%, top-5 accuracy/)
    expect(err).toContain('damaged.png')
  })

  it('refuses a folder that has neither', async () => {
    expect((await cli('eval', SAMPLES)).err).toContain('no-data-set')
  })
})

describe('train', () => {
  const recipe = (output: string, steps: number) => ({
    model: fixture('models/emoji-vit-bert'),
    data: './captioned',
    batchSize: 4,
    steps,
    optimizer: { name: 'adamw', lr: 1e-3 },
    rules: 'lit-LU',
    seed: 3,
    output,
  })

  it('follows a recipe; Ctrl-C saves, and the same command goes on', async () => {
    await writeFile(join(folder, 'recipe.json'), JSON.stringify(recipe('./tuned', 6)))
    const interrupted = new AbortController()
    const steps: number[] = []
    const code = await run(['train', join(folder, 'recipe.json'), '--json'], {
      out: (text) => {
        steps.push((JSON.parse(text) as { step: number }).step)
        if (steps.length === 3) interrupted.abort()
      },
      err: () => undefined,
      interactive: false,
      signal: interrupted.signal,
    })
    expect([code, steps]).toEqual([130, [1, 2, 3]])
    const resumed = await cli('train', join(folder, 'recipe.json'), '--json')
    expect(resumed.code).toBe(0)
    expect(resumed.values.map(({ step }) => step)).toEqual([4, 5, 6, undefined])

    // A run that never stopped ends at the same loss.
    const module = `export default () => (${JSON.stringify(recipe('./whole', 6))})`
    await writeFile(join(folder, 'recipe.mjs'), module)
    const whole = await cli('train', join(folder, 'recipe.mjs'), '--json')
    expect(whole.values.at(-1)!.loss).toBeCloseTo(resumed.values.at(-1)!.loss as number, 6)
    const labels = ['--labels', 'pizza,dog', '--model', join(folder, 'tuned')]
    expect(await cli('classify', join(SAMPLES, 'pizza.png'), ...labels)).toMatchObject({ code: 0 })
  })

  it('refuses a recipe without data', async () => {
    await writeFile(join(folder, 'bad.json'), '{"model":"x"}')
    expect((await cli('train', join(folder, 'bad.json'))).err).toContain('bad-recipe')
    await writeFile(join(folder, 'broken.json'), '{ model: "x" }')
    expect((await cli('train', join(folder, 'broken.json'))).err).toMatch(/^bad-recipe: .*broken\.json is no JSON: /)
    expect((await cli('train', join(folder, 'none.json'))).err).toMatch(/^ENOENT: no such file/)
  })

  it('reads TypeScript where Node does', async () => {
    await writeFile(join(folder, 'recipe.ts'), 'const model: string = "x"\nexport default { model }')
    const { features, execPath, env } = process
    const runs = Boolean((features as { typescript?: unknown }).typescript)
    const line = `"${execPath}" "${await builtBin('train')}" train recipe.ts`
    const { stderr } = await shell(line, { cwd: folder, env })
    expect(stderr).toContain(runs ? 'at least model and data' : '22.18')
  })
})
