/** What lies where a file should be. */
export interface StandIn {
  readonly code: string
  /** In words, for a message. */
  readonly what: string
}

/** Whether a file that should be something else begins as a web page: an error's, a login's, a site's front page. */
export const beginsAsHtml = (head: Uint8Array): boolean =>
  /^\s*<(!doctype html|html|head)\b/i.test(new TextDecoder().decode(head.subarray(0, 64)))

/** Bytes that are enough to know one. */
export const STAND_IN_BYTES = 64

/** What people have in place of weights, by its first bytes; undefined where it may be the file itself. */
export function standIn(head: Uint8Array): StandIn | undefined {
  const isText = (start: string) => new TextDecoder().decode(head.subarray(0, start.length)) === start
  // What a clone without Git LFS holds in place of each large file.
  if (isText('version '))
    return { code: 'lfs-pointer', what: 'it is a Git LFS pointer to the file, which `git lfs pull` fetches' }
  if (beginsAsHtml(head))
    return {
      code: 'html-page',
      what: "it is a web page: a site's answer was saved under this name. Download the file itself again",
    }
  return undefined
}
