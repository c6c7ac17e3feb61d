import { SourceError } from '../../base/errors'
import { collect } from '../http/download'
import { type Answer, type HttpRequest, send } from '../http/request'
import type { SourceOptions } from '../types'
import { hubError } from './errors'
import { base64Of } from '../../platform/base64'
import { Sha256 } from './sha256'
import type { HubSettings } from './store'

/** A file to be put on the hub. */
export interface Upload {
  readonly name: string
  readonly chunks: readonly Uint8Array[]
  readonly size: number
}

export interface CommitOptions extends Pick<SourceOptions, 'fetch' | 'signal' | 'retries' | 'timeout' | 'onProgress'> {
  readonly revision?: string
  readonly message: string
  /** Files that go, where they are there. */
  readonly removed?: readonly string[]
  readonly private?: boolean
}

interface LfsAction {
  readonly href: string
  readonly header?: Readonly<Record<string, string>>
}

interface LfsObject {
  readonly oid: string
  readonly error?: { readonly message?: string }
  readonly actions?: { readonly upload?: LfsAction; readonly verify?: LfsAction }
}

/** By its first bytes, and its name, the hub says where a file goes. */
const SAMPLE = 512
const JSON_TYPE = 'application/json'
const LFS_TYPE = 'application/vnd.git-lfs+json'

const isGood = ({ status }: Answer): boolean => status >= 200 && status < 300

function hashOf({ chunks }: Upload): string {
  const hash = new Sha256()
  for (const chunk of chunks) hash.update(chunk)
  return hash.hex()
}

const bodyOf = (chunks: readonly Uint8Array[]): Blob => new Blob(chunks as Uint8Array<ArrayBuffer>[])

/**
 * One commit of these files, in a repository that is made where there is none. The same requests as `huggingface_hub`'s
 * without Xet, over our own, which wait, try again and report as downloads do: a client library would bring a second set
 * of those, and the chunker of a storage that takes plain uploads as well.
 */
export async function commitFiles(
  name: string,
  files: readonly Upload[],
  { endpoint, token }: HubSettings,
  options: CommitOptions,
): Promise<{ commit: string; url: string }> {
  const { revision = 'main', message, removed = [], signal, fetch, retries, timeout, onProgress } = options
  const plain = { signal, fetch, retries, timeout }
  if (!token)
    throw new SourceError(
      'no-token',
      `Writing to "${name}" on ${endpoint.origin} needs a token that may write: the option \`token\`; in Node also HF_TOKEN.`,
    )
  const secret = { ...plain, headers: { Authorization: `Bearer ${token}` } }
  const at = encodeURIComponent(revision)

  const ask = async <T>(
    path: string,
    body: string | Blob,
    type = JSON_TYPE,
    allowed: readonly number[] = [],
  ): Promise<T> => {
    const url = new URL(path, endpoint)
    const headers = { ...secret.headers, Accept: type === LFS_TYPE ? LFS_TYPE : JSON_TYPE }
    const answer = await send({ url, method: 'POST', body, type }, { ...secret, headers })
    const text = new TextDecoder().decode(await collect(answer.body()))
    if (allowed.includes(answer.status)) return {} as T
    if (!isGood(answer)) throw hubError(name, revision, url, answer, secret)
    return (text ? JSON.parse(text) : {}) as T
  }

  const transfer = async (request: Omit<HttpRequest, 'method'>, method: 'PUT' | 'POST' = 'PUT') => {
    const answer = await send({ ...request, method }, plain)
    await answer.stop()
    if (!isGood(answer)) throw hubError(name, revision, request.url, answer, {})
    return answer
  }

  const upload = async ({ chunks, size, name: file }: Upload, oid: string, { href, header = {} }: LfsAction) => {
    const whole = bodyOf(chunks)
    const partSize = Number(header.chunk_size) || size
    const put = async (url: string, index: number) => {
      const answer = await transfer({ url: new URL(url), body: whole.slice(index * partSize, (index + 1) * partSize) })
      onProgress?.({ file, loaded: Math.min(size, (index + 1) * partSize), total: size })
      return { partNumber: index + 1, etag: answer.header('etag') }
    }
    if (header.chunk_size === undefined) return void (await put(href, 0))
    const urls = Object.entries(header).filter(([key]) => /^\d+$/.test(key))
    const parts: Awaited<ReturnType<typeof put>>[] = []
    for (const [index, [, url]] of urls.sort(([a], [b]) => Number(a) - Number(b)).entries())
      parts.push(await put(url, index))
    await transfer({ url: new URL(href), body: JSON.stringify({ oid, parts }), type: JSON_TYPE }, 'POST')
  }

  const [organization, short] = name.includes('/') ? name.split('/') : [undefined, name]
  const repo = { type: 'model', name: short, organization, private: options.private ?? false }
  // A token for one repository may not make any; what follows tells whether it may write.
  await ask('api/repos/create', JSON.stringify(repo), JSON_TYPE, [403, 409])
  const described = files.map(({ name: path, size, chunks }) => ({ path, size, sample: base64Of(chunks, SAMPLE) }))
  const { files: modes } = await ask<{ files: { path: string; uploadMode: string }[] }>(
    `api/models/${name}/preupload/${at}`,
    JSON.stringify({ files: described }),
  )
  const isLarge = ({ name: file }: Upload) => modes.find(({ path }) => path === file)?.uploadMode === 'lfs'
  const large = files.filter(isLarge).map((file) => ({ file, oid: hashOf(file) }))
  if (large.length > 0) {
    const { objects } = await ask<{ objects: LfsObject[] }>(
      `${name}.git/info/lfs/objects/batch`,
      JSON.stringify({
        operation: 'upload',
        transfers: ['basic', 'multipart'],
        hash_algo: 'sha256',
        objects: large.map(({ file, oid }) => ({ oid, size: file.size })),
      }),
      LFS_TYPE,
    )
    for (const { file, oid } of large) {
      const object = objects.find((object) => object.oid === oid)
      if (object?.error)
        throw new SourceError(
          'upload-refused',
          `${file.name}: the hub refuses it: ${object.error.message ?? 'no reason given'}.`,
        )
      // Without an action the hub has these bytes already.
      if (object?.actions?.upload) await upload(file, oid, object.actions.upload)
      const verify = object?.actions?.verify
      if (verify) await ask(verify.href, JSON.stringify({ oid, size: file.size }), LFS_TYPE)
    }
  }
  // The hub refuses a commit that removes what is not there.
  const there = removed.length
    ? await ask<{ path: string }[]>(`api/models/${name}/paths-info/${at}`, JSON.stringify({ paths: removed }))
    : []
  const lines: object[] = [
    { key: 'header', value: { summary: message } },
    ...files
      .filter((file) => !isLarge(file))
      .map(({ name: path, chunks }) => ({
        key: 'file',
        value: { path, content: base64Of(chunks), encoding: 'base64' },
      })),
    ...there.map(({ path }) => ({ key: 'deletedFile', value: { path } })),
    ...large.map(({ file, oid }) => ({
      key: 'lfsFile',
      value: { path: file.name, algo: 'sha256', oid, size: file.size },
    })),
  ]
  const ndjson = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  const done = await ask<{ commitOid: string; commitUrl: string }>(
    `api/models/${name}/commit/${at}`,
    ndjson,
    'application/x-ndjson',
  )
  return { commit: done.commitOid, url: done.commitUrl }
}
