import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Place } from './place'

const unlessThere = async <T>(call: Promise<T>, code: string): Promise<T | undefined> =>
  call.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== code) throw error
    return undefined
  })

export class Folder implements Place {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async names(): Promise<Set<string>> {
    return new Set(await unlessThere(readdir(this.#path), 'ENOENT'))
  }

  read(name: string): Promise<string | undefined> {
    return unlessThere(readFile(join(this.#path, name), 'utf8'), 'ENOENT')
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await rename(await this.#aside(name, bytes), join(this.#path, name))
  }

  async once(name: string, text: string): Promise<string> {
    const [aside, path] = [await this.#aside(name, Buffer.from(text)), join(this.#path, name)]
    try {
      // Fails where the name is taken.
      await unlessThere(link(aside, path), 'EEXIST')
      return await readFile(path, 'utf8')
    } finally {
      await rm(aside, { force: true })
    }
  }

  async #aside(name: string, bytes: Uint8Array): Promise<string> {
    await mkdir(this.#path, { recursive: true })
    const path = join(this.#path, `${name}.${randomUUID()}`)
    await writeFile(path, bytes)
    return path
  }
}
