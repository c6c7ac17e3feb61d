/** Where results lie, for all machines: files that appear as a whole. */
export interface Place {
  names(): Promise<Set<string>>
  read(name: string): Promise<string | undefined>
  write(name: string, bytes: Uint8Array): Promise<void>
  /** Writes a file unless there is one, whoever else does the same. @returns what it holds then */
  once(name: string, text: string): Promise<string>
}
