import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import S3rver from 's3rver'

/** A bucket of a small S3 server on loopback. */
export interface TestBucket extends AsyncDisposable {
  readonly name: string
  /** What LanceDB is told of it. */
  readonly storage: Readonly<Record<string, string>>
  /** The same for programs. */
  readonly env: Readonly<Record<string, string>>
}

export async function bucketIn(directory: string): Promise<TestBucket> {
  const name = 'pictures'
  const s3 = new S3rver({ directory, silent: true, configureBuckets: [{ name, configs: [] }] })
  await s3.configureBuckets()
  const answer = s3.callback()
  // As S3 does and this server does not: what is to be new is refused where it is there, which is how writers do not undo each other.
  const taken = new Set<string>()
  const server = createServer((request, response) => {
    const { method, url = '', headers } = request
    if (method !== 'PUT' || headers['if-none-match'] !== '*') return answer(request, response)
    if (taken.has(url)) return void response.writeHead(412).end()
    taken.add(url)
    response.on('close', () => response.statusCode >= 300 && taken.delete(url))
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [region, key] = ['us-east-1', 'S3RVER']
  return {
    name,
    storage: { endpoint, region, aws_access_key_id: key, aws_secret_access_key: key, allow_http: 'true' },
    env: {
      AWS_ENDPOINT: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: key,
      AWS_SECRET_ACCESS_KEY: key,
      AWS_ALLOW_HTTP: 'true',
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}
