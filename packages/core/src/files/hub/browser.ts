import { BrowserCache, cached, remove } from './browser-cache'
import { endpointOf } from './endpoint'
import type { HubPlatform } from './store'

export const hub: HubPlatform = {
  settings: ({ endpoint, token, localFilesOnly }) =>
    Promise.resolve({
      endpoint: endpointOf(endpoint),
      token: token || undefined,
      offline: localFilesOnly ? 'localFilesOnly is set' : undefined,
      cacheDir: '',
    }),
  store: (name, { endpoint }, mustKeep) => new BrowserCache(name, endpoint, mustKeep),
  cached: ({ endpoint }) => cached(endpoint),
  remove: (name, { endpoint }) => remove(name, endpoint),
}
