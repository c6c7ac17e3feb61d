import type { IncomingMessage } from 'node:http'
import type { FakeHub, HubResponse } from './fake-hub'
import type { StoredFile, Tree } from './repos'

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

const described = ([path, { bytes, oid, lfs }]: [string, StoredFile]) => ({
  type: 'file',
  path,
  oid,
  size: bytes.length,
  ...(lfs && { lfs: { oid: lfs, size: bytes.length, pointerSize: 134 } }),
})

const within = (tree: Tree, folder: string, recursive: boolean) => {
  const start = folder ? `${folder}/` : ''
  const files = [...tree].filter(([path]) => path.startsWith(start)).map(described)
  if (recursive) return files
  const folders = new Set<string>()
  const here = files.filter(({ path }) => {
    const cut = path.indexOf('/', start.length)
    if (cut >= 0) folders.add(path.slice(0, cut))
    return cut < 0
  })
  return [...here, ...[...folders].map((path) => ({ type: 'directory', path, oid: '0'.repeat(40), size: 0 }))]
}

/** The part of the hub's API that downloads and commits use. */
export async function answerApi(
  hub: FakeHub,
  pathname: string,
  request: IncomingMessage,
  out: HubResponse,
): Promise<void> {
  const body = request.method === 'POST' ? await bodyOf(request) : ''
  if (pathname === '/api/whoami-v2') return out.json(200, { type: 'user', name: 'org', auth: {} })
  if (pathname === '/api/repos/create') return create(hub, JSON.parse(body), out)
  const lfs = /^\/(.+?)(?:\.git)?\/info\/lfs\/objects\/(batch|verify)$/.exec(pathname)
  if (lfs?.[2] === 'batch') return out.json(200, hub.uploads.batch(lfs[1]!, body))
  if (lfs) return hub.uploads.verify(body, out)
  if (pathname === '/api/complete_multipart') {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    return hub.uploads.complete(searchParams.get('uploadId'), body, out)
  }
  const [, rawId = '', verb, rawRevision, rest = ''] =
    /^\/api\/models\/(.+?)(?:\/(revision|tree|paths-info|preupload|commit)\/([^/]+)(?:\/(.+))?)?$/.exec(pathname) ?? []
  const id = decodeURIComponent(rawId)
  const repo = hub.allowed(id, request, out)
  if (!repo) return
  const revision = decodeURIComponent(rawRevision ?? 'main')
  if (verb === 'commit') return commit(hub, id, revision, body, out)
  const hash = repo.resolve(revision)
  if (!hash && verb !== 'preupload') return out.json(404, { error: 'no' }, { 'x-error-code': 'RevisionNotFound' })
  const tree: Tree = repo.commits.get(hash ?? '') ?? new Map()
  if (verb === 'tree') {
    const recursive = new URL(request.url ?? '', 'http://localhost').searchParams.get('recursive')
    return out.json(200, within(tree, decodeURIComponent(rest), /^true$/i.test(recursive ?? '')))
  }
  if (verb === 'paths-info') {
    const asked = request.headers['content-type']?.includes('json')
      ? (JSON.parse(body) as { paths: string[] }).paths
      : new URLSearchParams(body).getAll('paths')
    return out.json(200, [...tree].filter(([path]) => asked.includes(path)).map(described))
  }
  if (verb === 'preupload') {
    const { files } = JSON.parse(body) as { files: { path: string }[] }
    const large = (path: string) => /\.(safetensors|bin|h5|msgpack|model|onnx)$/.test(path)
    return out.json(200, {
      files: files.map(({ path }) => ({ path, uploadMode: large(path) ? 'lfs' : 'regular', shouldIgnore: false })),
    })
  }
  out.json(200, {
    id,
    modelId: id,
    sha: hash,
    private: repo.access === 'private',
    gated: repo.access === 'gated' && 'manual',
    tags: [],
    downloads: 0,
    likes: 0,
    siblings: [...tree.keys()].map((rfilename) => ({ rfilename })),
  })
}

function create(
  hub: FakeHub,
  asked: { name: string; organization?: string; private?: boolean },
  out: HubResponse,
): void {
  const id = asked.organization ? `${asked.organization}/${asked.name}` : asked.name
  const full = id.includes('/') ? id : `org/${id}`
  if (hub.repos.has(full))
    return out.json(409, { error: 'You already created this model repo', url: `${hub.url}/${full}` })
  hub.repo(full).access = asked.private ? 'private' : 'public'
  hub.repo(full).commit({ '.gitattributes': '' })
  out.json(200, { url: `${hub.url}/${full}`, name: full, id: full })
}

interface CommitLine {
  key: 'header' | 'file' | 'lfsFile' | 'deletedFile'
  value: { path: string; content: string; encoding?: BufferEncoding; oid: string }
}

function commit(hub: FakeHub, id: string, revision: string, body: string, out: HubResponse): void {
  const tree = hub.repo(id).commits.get(hub.repo(id).resolve(revision) ?? '')
  const files: Record<string, Uint8Array> = {}
  const removed: string[] = []
  for (const line of body.split('\n').filter(Boolean)) {
    const { key, value } = JSON.parse(line) as CommitLine
    if (key === 'file') files[value.path] = Buffer.from(value.content, value.encoding ?? 'utf8')
    if (key === 'deletedFile') removed.push(value.path)
    if (key === 'deletedFile' && !tree?.has(value.path))
      return out.json(404, { error: `${value.path} is not there` }, { 'x-error-code': 'EntryNotFound' })
    if (key !== 'lfsFile') continue
    const uploaded = hub.uploads.get(value.oid) ?? hub.stored(value.oid)?.bytes
    if (!uploaded) return out.json(400, { error: `${value.path} was not uploaded` })
    files[value.path] = uploaded
  }
  const made = hub.repo(id).commit(files, revision, removed)
  out.json(200, {
    success: true,
    commitOid: made,
    commitUrl: `${hub.url}/${id}/commit/${made}`,
    hookOutput: '',
  })
}
