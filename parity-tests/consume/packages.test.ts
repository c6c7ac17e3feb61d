import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pack, packages } from '../../tools/ci/packages.mjs'
import { execute, installWithNpm, nodeExecutable, remove } from './install'

const MODEL = resolve(import.meta.dirname, '../models/emoji-vit-bert')
const names = packages.map(({ name }) => name)
const folders = new Map<number, string>()

/** Runs a program inside an installed folder and returns what it prints as JSON; stderr must stay empty. */
async function evaluate(node: string, folder: string, file: string, ...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await execute(node, [file, ...args], folder)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

beforeAll(async () => {
  const tarballs = pack(resolve(import.meta.dirname, '../../.cache/tarballs')).map(({ tarball }) => tarball)
  const core = JSON.parse(await readFile(resolve(import.meta.dirname, '../../packages/core/package.json'), 'utf8')) as {
    devDependencies: { sharp: string }
  }
  for (const npm of [10, 11]) {
    const folder = await installWithNpm(npm, [...tarballs, `sharp@${core.devDependencies.sharp}`])
    folders.set(npm, folder)
    await cp(resolve(import.meta.dirname, 'programs'), join(folder, 'programs'), { recursive: true })
  }
})
afterAll(() => Promise.all([...folders.values()].map(remove)))

const folderOf = (npm: number): string => folders.get(npm)!

describe.each([10, 11])('installed from tarballs with npm %i', (npm) => {
  it('has each package once, and no more of this repository', async () => {
    const installed = await readFile(join(folderOf(npm), 'package-lock.json'), 'utf8')
    const paths = Object.keys((JSON.parse(installed) as { packages: object }).packages)
    expect(paths.filter((path) => /dual-encoder/.test(path)).sort()).toEqual(
      names.map((name) => `node_modules/${name}`).sort(),
    )
  })

  it('says nothing of the machine that built it', async () => {
    const inside = ['packages/', 'node_modules/'].map((path) => resolve(import.meta.dirname, '../..', path))
    const folder = join(folderOf(npm), 'node_modules/@dual-encoder')
    const files = (await readdir(folder, { recursive: true })).filter((name) => /\.(js|cjs|map)$/.test(name))
    expect(files).not.toHaveLength(0)
    for (const name of files) {
      const text = await readFile(join(folder, name), 'utf8')
      expect(
        inside.filter((path) => text.includes(path)),
        name,
      ).toEqual([])
    }
  })

  it('classifies a picture', async () => {
    const label = await evaluate(process.execPath, folderOf(npm), 'programs/classify.mjs', MODEL)
    expect(label).toMatchObject({ best: 'airplane' })
  })
})

describe.each([20, 22, 24, 26])('on Node %i', (major) => {
  let node: string
  beforeAll(async () => {
    node = await nodeExecutable(major)
  })

  it('is that Node', async () => {
    expect((await execute(node, ['--version'], '/')).stdout).toMatch(`v${major}.`)
  })

  it.each(names)('%s gives the same names to import and to require, without a word on stderr', async (name) => {
    const imported = await evaluate(node, folderOf(11), 'programs/names.mjs', name)
    const required = await evaluate(node, folderOf(11), 'programs/names.cjs', name)
    expect(imported).toEqual(required)
    expect(imported).not.toHaveLength(0)
  })

  it('instanceof holds across the ESM and CJS copies of an error', async () => {
    expect(await evaluate(node, folderOf(11), 'programs/errors.mjs')).toEqual({
      sameClass: false,
      esmIsCjs: true,
      cjsIsEsm: true,
      kind: true,
      otherKind: false,
      plain: false,
    })
  })

  it('the command line follows a recipe of TypeScript, or says which Node does', async () => {
    const recipe = join(folderOf(11), 'recipe.ts')
    const given = `{ model: ${JSON.stringify(MODEL)}, data: './none' } satisfies object`
    await writeFile(recipe, `export default ${given}\n`)
    const program = join(folderOf(11), 'node_modules/dual-encoder/dist/bin.js')
    const { code, stderr } = await execute(node, [program, 'train', recipe], folderOf(11))
    // Read, it fails for want of data.
    expect([code, stderr]).toEqual([1, expect.stringMatching(major < 22 ? /22\.18 and newer do/ : /none/)])
  })

  it.each(['classify.mjs', 'classify.cjs'])('%s classifies a picture', async (file) => {
    const wanted = JSON.parse(await readFile(join(MODEL, 'expected.json'), 'utf8')) as {
      labels: string[]
      logits_per_image_torchvision: number[][]
    }
    const given = (await evaluate(node, folderOf(11), `programs/${file}`, MODEL)) as { best: string; logits: number[] }
    expect(given.best).toBe('airplane')
    const python = wanted.logits_per_image_torchvision[0]!
    expect(given.logits).toHaveLength(python.length)
    given.logits.forEach((logit, i) => expect(Math.abs(logit - python[i]!)).toBeLessThan(1e-4))
  })
})

it('types are found by node16 and bundler resolution, from import and from require, with few libraries', async () => {
  const folder = folderOf(11)
  const tsc = resolve(import.meta.dirname, '../../node_modules/typescript/bin/tsc')
  const importing = (names: readonly string[]) =>
    names
      .map((name, i) => `import * as package${i} from '${name}'\nexport const names${i} = Object.keys(package${i})`)
      .join('\n')
  for (const file of ['types.mts', 'types.cts']) await writeFile(join(folder, file), importing(names))
  // TensorFlow.js and ONNX Runtime have needs of their own.
  await writeFile(join(folder, 'page.mts'), importing(['@dual-encoder/core', '@dual-encoder/onnx']))
  await writeFile(join(folder, 'core.mts'), importing(['@dual-encoder/core']))
  for (const { files, ...resolution } of [
    { module: 'nodenext', files: ['types.mts', 'types.cts'] },
    { module: 'esnext', moduleResolution: 'bundler', files: ['types.mts'] },
    { module: 'esnext', moduleResolution: 'bundler', types: [], files: ['page.mts'] },
    { module: 'nodenext', lib: ['es2022'], types: ['node'], files: ['core.mts'] },
  ]) {
    const options = { noEmit: true, strict: true, target: 'es2022', lib: ['es2022', 'dom'] }
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...options, ...resolution }, files }),
    )
    expect(await execute(process.execPath, [tsc, '-p', folder], folder)).toMatchObject({ code: 0, stdout: '' })
  }
})
