import { hub } from '#hub'
import { checkOptions, OptionError } from '../../base/errors'
import type { SourceOptions } from '../types'
import { isHubName } from './names'
import type { CachedModel } from './store'

/** Which cache: a folder in Node, in browsers the part that belongs to a hub. */
export type CacheOptions = Pick<SourceOptions, 'cacheDir' | 'endpoint'>

const KEYS = ['cacheDir', 'endpoint'] as const satisfies readonly (keyof CacheOptions)[]

/** The models that are kept on this machine, or in this browser. */
export async function cachedModels(options: CacheOptions = {}): Promise<CachedModel[]> {
  checkOptions(options, KEYS, 'cachedModels')
  return hub.cached(await hub.settings({ ...options, token: false }))
}

/** Throws all kept models away: in Node those that Python has downloaded too. @returns their names */
export async function clearCachedModels(options: CacheOptions = {}): Promise<string[]> {
  checkOptions(options, KEYS, 'clearCachedModels')
  const settings = await hub.settings({ ...options, token: false })
  const names = (await hub.cached(settings)).map(({ name }) => name)
  for (const name of names) await hub.remove(name, settings)
  return names
}

/** Throws a model's kept files away. Models that were loaded from them must not be in use. */
export async function removeCachedModel(name: string, options: CacheOptions = {}): Promise<boolean> {
  checkOptions(options, KEYS, 'removeCachedModel')
  if (typeof name !== 'string' || !isHubName(name))
    throw new OptionError(
      'bad-name',
      `removeCachedModel: "${String(name)}" is no model's name on the hub. Give org/name.`,
    )
  return hub.remove(name, await hub.settings({ ...options, token: false }))
}
