import { randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'

/** Writes a file unless there is one, whole or not at all, whoever else does the same. @returns what it holds then */
export async function onceWritten(path: string, text: string): Promise<string> {
  const aside = `${path}.${randomUUID()}`
  await writeFile(aside, text)
  try {
    // Fails where the name is taken.
    await link(aside, path)
    return text
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return await readFile(path, 'utf8')
  } finally {
    await rm(aside, { force: true })
  }
}
