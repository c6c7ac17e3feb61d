import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const FIXTURES = resolve(import.meta.dirname, '../fixtures')
/** By group: what made its files, and their SHA-256. Written by tools/reference/generate.py. */
const manifest = JSON.parse(readFileSync(`${FIXTURES}/manifest.json`, 'utf8')) as Record<
  string,
  { versions: Record<string, string>; files: Record<string, string> }
>

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => statSync(`${folder}/${name}`).isFile())

const checksum = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

describe.each(Object.entries(manifest))('fixtures of %s', (group, { versions, files }) => {
  it('are the files that were made', () => {
    const folder = `${FIXTURES}/${group}`
    const given = Object.fromEntries(filesIn(folder).map((name) => [name, checksum(`${folder}/${name}`)]))
    expect(Object.keys(files).length).toBeGreaterThan(0)
    expect(given).toEqual(files)
  })

  it('say what made them', () => {
    const library = group === 'big-vision' ? ['jax', 'flax'] : ['torch', 'transformers']
    expect(Object.keys(versions)).toEqual(expect.arrayContaining(['python', 'safetensors', ...library]))
  })
})

it('fixtures stay below 60 MB', () => {
  const bytes = filesIn(FIXTURES).reduce((sum, name) => sum + statSync(`${FIXTURES}/${name}`).size, 0)
  expect(bytes).toBeLessThan(60e6)
})
