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

/** The same of weights, which no text is: an error in JSON or XML, "Entry not found". */
export function standInForWeights(head: Uint8Array): StandIn | undefined {
  const found = standIn(head)
  const text = textOf(head)
  if (found || !text) return found
  const start = JSON.stringify(text.trim().slice(0, 40))
  const what = `it is text (${start}): a site's answer was saved under this name. Download the file itself again`
  return { code: 'text-file', what }
}

/** The text that bytes begin with; undefined where they are none. */
function textOf(head: Uint8Array): string | undefined {
  if (head.some((byte) => (byte < 32 && (byte < 9 || byte > 13)) || byte === 127)) return undefined
  try {
    // The last character may be cut.
    return new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
  } catch {
    return undefined
  }
}
