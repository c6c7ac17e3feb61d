import { SourceError } from '../base/errors'

/**
 * The name of a file within its source.
 * @throws SourceError for a name that leaves the folder.
 */
export function checkName(name: string): string {
  let decoded = name
  try {
    decoded = decodeURIComponent(name)
  } catch {
    // A percent sign that encodes nothing is a plain character of a file's name.
  }
  const parts = decoded.split(/[\\/]/)
  if (decoded === '' || /^([\\/]|[a-z]:)/i.test(decoded) || parts.includes('..') || decoded.includes('\0'))
    throw new SourceError(
      'name-escapes',
      `The file name "${name}" leads out of its folder. Only names below it are allowed.`,
    )
  return name
}
