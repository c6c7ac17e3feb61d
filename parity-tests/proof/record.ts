import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../../docs/proof/', import.meta.url))

/** Writes what was measured to `docs/proof`, beside what it was measured with. */
export async function record(name: string, result: object): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  const { version } = process
  const json = { date: new Date().toISOString().slice(0, 10), node: version, ...result }
  await writeFile(`${FOLDER}${name}.json`, `${JSON.stringify(json, null, 2)}\n`)
}
