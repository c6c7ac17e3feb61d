import { platform } from '#platform'
import { isJsonObject, type JsonObject } from '../base/pretrained-config'
import { SourceError } from '../base/errors'
import { HttpFiles } from './http/http-files'
import type { FileReader, Source, SourceLike, SourceOptions } from './types'
import { checkName } from './file-name'
import { type DirectoryHandle, fileIn, isDirectoryHandle } from './handles'
import { isHubName } from './hub/names'
import { standIn } from './stand-in'

const isUrl = (text: string): boolean => /^(https?|file|data|blob):/i.test(text)

function folderSource(folder: string): Source {
  const at = (name: string) => platform.joinPath(folder, checkName(name))
  return {
    describe: folder,
    read: async (name, range) => platform.readFile(at(name), range),
    locate: async (name) => platform.locateFile(at(name)),
    list: () => platform.listFolder(folder),
  }
}

/** A folder of which one file alone is listed: a checkpoint beside others. */
function fileSource(path: string): Source {
  const [, folder = '.', name = path] = /^(.*)[\\/]([^\\/]+)$/.exec(path) ?? []
  return { ...folderSource(folder || '/'), list: () => Promise.resolve([name]) }
}

function fileListSource(files: readonly File[]): Source {
  // A picked folder's files carry paths that begin with the folder; files picked one by one only their names.
  const path = ({ name, webkitRelativePath }: File): string =>
    webkitRelativePath ? webkitRelativePath.slice(webkitRelativePath.indexOf('/') + 1) : name
  const find = (name: string): File | undefined => files.find((file) => path(file) === name)
  return {
    describe: `${files.length} files`,
    async read(name, range) {
      const file = find(checkName(name))
      return file && new Uint8Array(await (range ? file.slice(...range) : file).arrayBuffer())
    },
    locate: () => Promise.resolve(undefined),
    size: (name) => Promise.resolve(find(checkName(name))?.size),
    list: () => Promise.resolve(files.map(path).sort()),
  }
}

const handleSource = (folder: DirectoryHandle): Source => ({
  describe: 'the given folder',
  async read(name, range) {
    const file = await fileIn(folder, checkName(name))
    return file && new Uint8Array(await (range ? file.slice(...range) : file).arrayBuffer())
  },
  locate: () => Promise.resolve(undefined),
  size: async (name) => (await fileIn(folder, checkName(name)))?.size,
})

/** Also of another realm (a test environment's, a frame's). */
const isBytes = (value: unknown): value is Uint8Array => Object.prototype.toString.call(value) === '[object Uint8Array]'

function readerSource(reader: FileReader): Source {
  if ('describe' in reader && 'locate' in reader) return reader as Source
  return {
    describe: 'the given reader',
    async read(name, range) {
      const bytes: unknown = await reader.read(checkName(name), range)
      // One that heeds no range answers the whole file, as some servers do.
      if (range && isBytes(bytes) && bytes.length > range[1] - range[0]) return bytes.subarray(...range)
      if (bytes === undefined || isBytes(bytes)) return bytes
      throw new SourceError('bad-reader', `The reader answered "${name}" with neither a Uint8Array nor undefined.`)
    },
    locate: () => Promise.resolve(undefined),
  }
}

/** @throws SourceError for what is neither a folder, a URL, files nor a reader. */
export async function openSource(source: SourceLike, options: SourceOptions = {}, mustKeep = false): Promise<Source> {
  options.signal?.throwIfAborted()
  const whole = await openUnwatched(source, options, mustKeep)
  const opened = options.subfolder ? folderWithin(whole, checkName(options.subfolder)) : whole
  const ended = opened instanceof HttpFiles || !options.signal ? opened : watched(opened, options.signal)
  return withOther(ended, whole.other ?? ((name) => openOther(name, source, options, mustKeep)))
}

function withOther(source: Source, other: NonNullable<Source['other']>): Source {
  const inParts = source.inParts?.bind(source)
  return Object.assign(source, { other, ...(inParts && { inParts: () => withOther(inParts(), other) }) })
}

/** In browsers nothing is fetched from an origin that the page did not name. */
async function openOther(name: string, from: SourceLike, options: SourceOptions, mustKeep: boolean): Promise<Source> {
  const isFromHub = typeof from === 'string' && !isUrl(from)
  if (platform.name === 'browser' && !isFromHub && options.endpoint === undefined)
    throw new SourceError(
      'no-endpoint',
      `"${name}" is on a hub, of which nothing was said here. Give the option endpoint (https://huggingface.co).`,
    )
  return openSource(name, { ...options, revision: undefined, subfolder: undefined }, mustKeep)
}

const folderWithin = (source: Source, folder: string): Source => {
  const start = `${folder.replace(/\/+$/, '')}/`
  const at = (name: string) => `${start}${checkName(name)}`
  return {
    describe: `${source.describe.replace(/\/+$/, '')}/${folder}`,
    locate: async (name) => source.locate(at(name)),
    ...(source.size ? { size: async (name: string) => source.size!(at(name)) } : {}),
    ...(source.inParts ? { inParts: () => folderWithin(source.inParts!(), folder) } : {}),
    ...(source.list
      ? {
          list: async () =>
            (await source.list!()).flatMap((name) => (name.startsWith(start) ? name.slice(start.length) : [])),
        }
      : {}),
    read: async (name, range) => source.read(at(name), range),
  }
}

/** A source that answers nothing more once `signal` is aborted. */
const watched = (source: Source, signal: AbortSignal): Source => ({
  describe: source.describe,
  locate: (name) => source.locate(name),
  ...(source.size ? { size: (name: string) => source.size!(name) } : {}),
  ...(source.inParts ? { inParts: () => watched(source.inParts!(), signal) } : {}),
  ...(source.list ? { list: () => source.list!() } : {}),
  async read(name, range) {
    signal.throwIfAborted()
    const bytes = await source.read(name, range)
    signal.throwIfAborted()
    return bytes
  },
})

/**
 * Loads from a source. The signal ends with the loading: weights are read later, by calls that have signals of their
 * own, and `AbortSignal.timeout` may have passed by then.
 */
export async function loadFrom<T>(
  source: SourceLike,
  options: SourceOptions,
  load: (source: Source) => Promise<T>,
): Promise<T> {
  const { signal } = options
  signal?.throwIfAborted()
  const loading = new AbortController()
  const abort = () => loading.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  try {
    const loaded = await load(await openSource(source, { ...options, signal: loading.signal }))
    signal?.throwIfAborted()
    return loaded
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

async function openUnwatched(source: SourceLike, options: SourceOptions, mustKeep: boolean): Promise<Source> {
  if (source instanceof URL || (typeof source === 'string' && isUrl(source))) {
    const url = new URL(source)
    // `/C:/folder` is how Windows' drives stand in a URL.
    if (url.protocol === 'file:')
      return openPath(decodeURIComponent(url.pathname).replace(/^\/(?=[a-z]:)/i, ''), options, mustKeep)
    if (!/^https?:$/.test(url.protocol))
      throw new SourceError('bad-source', `A source cannot be a ${url.protocol} URL. Give http(s): or file:.`)
    return new HttpFiles(url, options)
  }
  if (typeof source === 'string') return openPath(source, options, mustKeep)
  if (Array.isArray(source)) return fileListSource(source as readonly File[])
  if (isDirectoryHandle(source)) return handleSource(source)
  if (typeof (source as FileReader | undefined)?.read === 'function') return readerSource(source as FileReader)
  throw new SourceError(
    'bad-source',
    `A source must be a folder's path, a URL, a list of File, a FileSystemDirectoryHandle, or an object { read(name, range) }; ${typeof source} was given.`,
  )
}

/** A folder where there is one, else a name on the hub. */
async function openPath(path: string, options: SourceOptions, mustKeep: boolean): Promise<Source> {
  if (await platform.isFolder(path)) return folderSource(path)
  if (path.endsWith('.npz') && (await platform.locateFile(path))) return fileSource(path)
  // Only who loads from the hub loads what that takes.
  if (isHubName(path) && !(await platform.locateFile(path)))
    return (await import('./hub/hub-source')).hubSource(path, options, mustKeep)
  if (platform.name === 'browser')
    throw new SourceError(
      'no-file-system',
      `"${path}": browsers have no folders. Give a URL (new URL("./model/", location.href)), a list of File, ` +
        'an object { read(name, range) }, or the name of a model on the hub (org/name).',
    )
  throw new SourceError(
    'source-not-found',
    `"${path}" is not a folder. Give the folder that holds config.json, a URL, or the name of a model on the hub ` +
      '(org/name).',
  )
}

/** A file of the source; undefined where it is absent. @throws SourceError for a web page or a pointer in its place */
export async function readWhole(source: Source, name: string): Promise<Uint8Array | undefined> {
  const bytes = await source.read(name)
  const found = bytes && standIn(bytes)
  if (found)
    throw new SourceError(found.code, `${name} of ${source.describe} is not what its name says: ${found.what}.`)
  return bytes
}

/** A JSON object of the source; undefined where the file is absent. @throws SourceError for anything else. */
export async function readJson(source: Source, name: string): Promise<JsonObject | undefined> {
  const bytes = await readWhole(source, name)
  if (!bytes) return undefined
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new SourceError('bad-json', `${name} of ${source.describe} is not JSON: ${(cause as Error).message}`, {
      cause,
    })
  }
  if (!isJsonObject(value)) throw new SourceError('bad-json', `${name} of ${source.describe} is not a JSON object.`)
  return value
}
