/** A `FileSystemDirectoryHandle`, by shape, because Node has no such type. */
export interface DirectoryHandle {
  getFileHandle(
    name: string,
    options?: { create?: boolean },
  ): Promise<{
    getFile(): Promise<Blob>
    createWritable(): Promise<{
      write(data: Uint8Array & { readonly buffer: ArrayBuffer }): Promise<void>
      close(): Promise<void>
      abort(): Promise<void>
    }>
  }>
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<DirectoryHandle>
  removeEntry(name: string, options?: { recursive?: boolean }): Promise<void>
}

export const isDirectoryHandle = (value: unknown): value is DirectoryHandle =>
  typeof (value as DirectoryHandle | undefined)?.getFileHandle === 'function'

export function unlessAbsent(error: unknown): undefined {
  if ((error as Error).name !== 'NotFoundError') throw error
}

/** The folder that holds a file named with `/`, and the file's own name; no folder where there is none. */
export async function parentIn(
  folder: DirectoryHandle,
  name: string,
  options: { create: true },
): Promise<[DirectoryHandle, string]>
export async function parentIn(folder: DirectoryHandle, name: string): Promise<[DirectoryHandle | undefined, string]>
export async function parentIn(folder: DirectoryHandle, name: string, options?: { create: boolean }) {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  let within: DirectoryHandle | undefined = folder
  for (const part of parts.slice(0, -1))
    within = await within?.getDirectoryHandle(part, options).catch(options ? undefined : unlessAbsent)
  return [within, parts.at(-1) ?? name]
}

/** A file of a folder, or nothing. */
export async function fileIn(folder: DirectoryHandle, name: string): Promise<Blob | undefined> {
  const [within, own] = await parentIn(folder, name)
  return (await within?.getFileHandle(own).catch(unlessAbsent))?.getFile()
}
