import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtBin, shell } from './bin'
import { fixture, SAMPLES } from './cli'

const PAGES = ['cli', 'search']

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-cli-docs-'))
  await mkdir(join(folder, 'bin'))
  const bin = join(folder, 'bin/dual-encoder')
  await writeFile(bin, `#!/bin/sh\nexec "${process.execPath}" "${await builtBin('docs')}" "$@"\n`)
  await chmod(bin, 0o755)
}, 60_000)
afterAll(() => rm(folder, { recursive: true }))

/** `$ command` lines of a page's console blocks, each with the lines that stand below it. */
async function commandsOf(page: string): Promise<{ command: string; printed: string }[]> {
  const markdown = await readFile(fixture(`../docs/${page}.md`), 'utf8')
  const blocks = [...markdown.matchAll(/^```console\n(.*?)^```/gms)].map(([, block]) => block as string)
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = '', ...printed] = part.split(/(?<!\\)\n/)
        return { command: command.replaceAll('\\\n', ''), printed: printed.join('\n') }
      }),
  )
}

/** `...` stands for anything. */
const pattern = (text: string) =>
  new RegExp(
    `^${text
      .split('...')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('[^]*')}$`,
  )

describe.each(PAGES)('docs/%s.md', (page) => {
  it('runs, and prints what it says', async () => {
    const cwd = join(folder, page)
    await cp(SAMPLES, join(cwd, 'pictures'), { recursive: true })
    for (const model of ['models/emoji-vit-bert', 'fixtures/originals/flax-clip-roberta'])
      await symlink(fixture(model), join(cwd, basename(model)))
    const env = {
      ...process.env,
      PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
      DUAL_ENCODER_MODEL: fixture('models/emoji-vit-bert'),
    }
    const commands = await commandsOf(page)
    expect(commands.length).toBeGreaterThan(2)
    for (const { command, printed } of commands) {
      const { code, stdout, stderr } = await shell(command, { cwd, env })
      expect(code, `${command}\n${stderr}`).toBe(0)
      expect(stdout, command).toMatch(pattern(printed))
    }
  })
})
