import { NodeCache } from './node-cache'
import { cached, remove } from './node-cached'
import { settings } from './node-settings'
import type { HubPlatform } from './store'

export const hub: HubPlatform = {
  settings,
  store: (name, { cacheDir }) => new NodeCache(name, cacheDir),
  cached,
  remove,
}
