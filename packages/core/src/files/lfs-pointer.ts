/** What a clone without Git LFS holds in place of each large file begins so. */
const START = new TextEncoder().encode('version ')

export const isLfsPointer = (head: Uint8Array): boolean => START.every((byte, i) => head[i] === byte)

/** For a message: what the file is instead. */
export const LFS_POINTER = 'it is a Git LFS pointer to the file, which `git lfs pull` fetches'
