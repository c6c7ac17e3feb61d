import { NodeCache } from './node-cache'
import { settings } from './node-settings'
import type { HubPlatform } from './store'

export const hub: HubPlatform = { settings, store: (name, { cacheDir }) => new NodeCache(name, cacheDir) }
