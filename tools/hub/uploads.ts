import { createHash, randomUUID } from 'node:crypto'
import type { FakeHub, HubResponse } from './fake-hub'

/** A large file that comes in parts, each with an address of its own. */
interface Multipart {
  readonly oid: string
  readonly size: number
  readonly parts: (Buffer | undefined)[]
}

const hash = (algorithm: string, bytes: Buffer): string => createHash(algorithm).update(bytes).digest('hex')
const etagOf = (part: Buffer): string => `"${hash('md5', part)}"`

/** Large files on their way: put on the second host, whole or in parts, and kept by their sha256 until a commit. */
export class Uploads {
  readonly #whole = new Map<string, Buffer>()
  readonly #multipart = new Map<string, Multipart>()

  constructor(
    private readonly hub: FakeHub,
    /** Bytes of a part; files that are not larger come whole. */
    private readonly partSize = Infinity,
  ) {}

  get(oid: string): Buffer | undefined {
    return this.#whole.get(oid)
  }

  /** What git's LFS calls a batch: where each file is to be put. */
  batch(id: string, body: string): object {
    const asked = JSON.parse(body) as { objects: { oid: string; size: number }[]; transfers?: string[] }
    const objects = asked.objects.map(({ oid, size }) => {
      // What the hub holds already is not asked for.
      if (this.#whole.has(oid) || this.hub.stored(oid)) return { oid, size }
      const verify = { href: `${this.hub.url}/${id}.git/info/lfs/objects/verify` }
      const isSplit = size > this.partSize && asked.transfers?.includes('multipart')
      return { oid, size, actions: { upload: isSplit ? this.#begin(oid, size) : this.#place(oid), verify } }
    })
    const split = objects.some(({ actions }) => actions && 'chunk_size' in actions.upload.header)
    return { transfer: split ? 'multipart' : 'basic', objects }
  }

  readonly #place = (oid: string): { href: string; header: Record<string, string> } => ({
    href: `${this.hub.cdn}/${oid}?signature=secret`,
    header: {},
  })

  #begin(oid: string, size: number): { href: string; header: Record<string, string> } {
    const upload = randomUUID()
    const parts = Array.from({ length: Math.ceil(size / this.partSize) }, () => undefined)
    this.#multipart.set(upload, { oid, size, parts })
    const places = parts.map((_, i) => [
      String(i + 1).padStart(5, '0'),
      `${this.hub.cdn}/parts/${upload}/${i + 1}?signature=secret`,
    ])
    return {
      href: `${this.hub.url}/api/complete_multipart?uploadId=${upload}&signature=secret`,
      header: { chunk_size: `${this.partSize}`, ...(Object.fromEntries(places) as Record<string, string>) },
    }
  }

  put(pathname: string, bytes: Buffer, out: HubResponse): void {
    const [, upload = '', number] = /^\/parts\/(.+)\/(\d+)$/.exec(pathname) ?? []
    if (number === undefined) {
      const oid = pathname.slice(1)
      if (hash('sha256', bytes) !== oid) return out.text(400, 'BadDigest')
      this.#whole.set(oid, bytes)
      return out.text(200, '')
    }
    const begun = this.#multipart.get(upload)
    if (!begun) return out.text(404, 'NoSuchUpload')
    begun.parts[Number(number) - 1] = bytes
    out.text(200, '', { etag: etagOf(bytes) })
  }

  /** Parts become a file only where they are all there, named as they were answered, and the file that was announced. */
  complete(upload: string | null, body: string, out: HubResponse): void {
    const begun = this.#multipart.get(upload ?? '')
    if (!begun) return out.json(404, { error: 'No such upload' })
    const told = JSON.parse(body) as { oid: string; parts: { partNumber: number; etag: string }[] }
    const arrived = begun.parts.filter((part) => part !== undefined)
    const named = told.parts.every(({ partNumber, etag }, i) => partNumber === i + 1 && etag === etagOf(arrived[i]!))
    const whole = Buffer.concat(arrived)
    const isWhole = whole.length === begun.size && hash('sha256', whole) === begun.oid && told.oid === begun.oid
    if (arrived.length !== begun.parts.length || told.parts.length !== arrived.length || !named || !isWhole)
      return out.json(400, { error: 'InvalidPart' })
    this.#multipart.delete(upload ?? '')
    this.#whole.set(begun.oid, whole)
    out.json(200, {})
  }

  verify(body: string, out: HubResponse): void {
    const { oid, size } = JSON.parse(body) as { oid: string; size: number }
    const found = this.#whole.get(oid)
    if (found?.length === size) return out.json(200, {})
    out.json(404, { error: `${oid} was not uploaded` })
  }
}
