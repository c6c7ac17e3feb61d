import { SourceError } from '../../base/errors'

/** The hub to ask, ending in a slash. */
export function endpointOf(given: string | URL = 'https://huggingface.co'): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (!url || !/^https?:$/.test(url.protocol))
    throw new SourceError(
      'bad-endpoint',
      `The hub's endpoint is "${String(given).slice(0, 100)}". Give an address such as https://huggingface.co.`,
    )
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}
