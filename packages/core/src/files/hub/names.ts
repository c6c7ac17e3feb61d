import { SourceError } from '../../base/errors'

/**
 * Whether a text can name a model on the hub, by `huggingface_hub`'s rule: `name` or `org/name`, of letters, digits,
 * `-`, `_` and `.`, neither doubled nor at an end. Paths that begin with `./`, `/` or `~` never do.
 */
export const isHubName = (text: string): boolean =>
  text.length <= 96 && /^(?:\w[\w.-]*\/)?\w[\w.-]*$/.test(text) && !/--|\.\.|[.-](\/|$)|\.git$/.test(text)

/** A branch, tag, commit or `refs/pr/N`, which becomes the name of a file in the cache. */
export function checkRevision(revision: string): string {
  const parts = revision.split('/')
  // git's own rules, as far as they concern paths.
  const bad = parts.some((part) => part === '' || part.startsWith('.') || part.endsWith('.lock') || part.includes('..'))

  if (bad || /[\\:*?"<>|~^\s\x00-\x1f]/.test(revision) || revision.length > 255)
    throw new SourceError(
      'bad-revision',
      `revision is "${revision.slice(0, 100)}". Give a branch, a tag, a commit's hash or refs/pr/N.`,
    )
  return revision
}

/** A whole hash, which names one state for ever; a short one is looked up as a branch is. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision)

/** What a server says and what becomes a file's name: nothing that leads elsewhere. */
export const isPlain = (text: string): boolean => /^[\w-][\w.-]{0,127}$/.test(text)
