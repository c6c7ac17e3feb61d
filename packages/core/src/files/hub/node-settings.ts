import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { SourceError } from '../../base/errors'
import type { SourceOptions } from '../types'
import { endpointOf } from './endpoint'
import type { HubSettings } from './store'

const isTrue = (name: string): boolean => /^(1|on|yes|true)$/i.test(env[name] ?? '')

/** `~` and `$NAME`, as Python expands them. */
const expand = (path: string): string =>
  path
    .replace(/^~(?=$|[\\/])/, homedir())
    .replace(/\$(?:(\w+)|\{(\w+)\})/g, (whole, name: string, braced: string) => env[name ?? braced] ?? whole)

const home = (): string => expand(env.HF_HOME || join(env.XDG_CACHE_HOME || join('~', '.cache'), 'huggingface'))

/** The folder of Python's `huggingface_hub`. */
const defaultCache = (): string => expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home(), 'hub'))

async function tokenFrom(given: string | false | undefined): Promise<string | undefined> {
  const ofEnvironment = async () => {
    if (isTrue('HF_HUB_DISABLE_IMPLICIT_TOKEN')) return undefined
    const path = expand(env.HF_TOKEN_PATH || join(home(), 'token'))
    return env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || (await readFile(path, 'utf8').catch(() => undefined))
  }
  const token = given === false ? undefined : (given ?? (await ofEnvironment()))?.trim()
  // A line break in a header would be an error of fetch that shows the token.
  if (token && !/^[\x21-\x7e]+$/.test(token))
    throw new SourceError('bad-token', 'The token holds characters that no token has. Copy it once more.')
  return token || undefined
}

/** Options first, then the variables of Python's `huggingface_hub`, then what `hf auth login` has kept. */
export async function settings(options: SourceOptions): Promise<HubSettings> {
  const variable = ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'].find(isTrue)
  return {
    endpoint: endpointOf(options.endpoint ?? (env.HF_ENDPOINT || undefined)),
    token: await tokenFrom(options.token),
    offline: options.localFilesOnly ? 'localFilesOnly is set' : variable && `${variable} is set`,
    cacheDir: options.cacheDir === undefined ? defaultCache() : expand(options.cacheDir),
  }
}
