import { SourceError } from '../../base/errors'
import { describeUrl } from '../http/redirects'
import { type Answer, statusError } from '../http/request'
import type { SourceOptions } from '../types'

/** Whether the repository is there and has no file of that name. A second host that lost a file does not say that. */
export const isAbsent = (answer: Answer): boolean =>
  answer.status === 404 &&
  answer.header('x-linked-etag') === undefined &&
  (answer.header('x-error-code') === 'EntryNotFound' ||
    (answer.header('x-error-code') === undefined && answer.header('x-repo-commit') !== undefined))

const GIVE_TOKEN =
  'Give a token that may read it: the option `token`; in Node also HF_TOKEN, or `hf auth login` once on this machine.'

/** A refusal of the hub, by its own codes, as what to do about it. */
export function hubError(
  name: string,
  revision: string,
  url: URL,
  answer: Answer,
  { headers }: Pick<SourceOptions, 'headers'>,
): SourceError {
  const code = answer.header('x-error-code')
  const said = answer.header('x-error-message')
  const hub = url.origin
  const withToken = Object.keys(headers ?? {}).some((key) => key.toLowerCase() === 'authorization')
  if (code === 'GatedRepo')
    return new SourceError(
      'gated-repo',
      `"${name}" on ${hub} is gated: its owners let people in. Ask for access at ${hub}/${name}. ` +
        (withToken ? 'The account of the token that was given has no access yet.' : GIVE_TOKEN),
    )
  if (code === 'RevisionNotFound')
    return new SourceError(
      'revision-not-found',
      `"${name}" on ${hub} has no revision "${revision}". Give one of its branches, tags or commits; main by default.`,
    )
  if (answer.status === 401 && code === undefined && withToken)
    return new SourceError(
      'bad-token',
      `${hub} does not take the token${said ? ` (${said.slice(0, 200)})` : ''}. Renew it, or give token: false to read without one.`,
    )
  if (code === 'RepoNotFound' || answer.status === 401 || (answer.status === 404 && code === undefined))
    return new SourceError(
      'repo-not-found',
      `There is no model "${name}" on ${hub}, or it is private. For a folder on this machine give a path that begins ` +
        `with ./ or /. ${withToken ? 'The token that was given may not read it.' : GIVE_TOKEN}`,
    )
  if (answer.status === 403)
    return new SourceError(
      'no-access',
      `${describeUrl(url)} answered 403${said ? `: ${said.slice(0, 200)}` : ''}. ${withToken ? 'The token that was given may not read it.' : GIVE_TOKEN}`,
    )
  return statusError(url, answer, said?.slice(0, 200) ?? `Check that ${hub} is the hub you mean.`)
}

/** A file that came otherwise than the hub announced it. */
export const badDownload = (name: string, what: string): SourceError =>
  new SourceError(
    'bad-download',
    `${name} came otherwise than the hub announced it: ${what}. It was thrown away. Load it again; where that does not ` +
      'help, something between here and the hub (a proxy, a mirror) changes files.',
  )
