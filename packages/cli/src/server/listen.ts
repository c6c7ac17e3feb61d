import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { createApp } from './app'
import type { Metrics } from './metrics'

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** Milliseconds in which a request has to come and to be answered. */
  readonly timeout: number
}

export interface Listening {
  readonly url: string
  /** Takes no more, answers what has come, and ends. */
  stop(): Promise<{ readonly accepted: number; readonly answered: number }>
}

/** Opens a socket for a server's answers. Clients that dawdle are cut off. */
export async function listen(
  app: ReturnType<typeof createApp>,
  options: ListenOptions,
  metrics: Metrics,
): Promise<Listening> {
  const { host, port, timeout } = options
  const serverOptions = {
    headersTimeout: Math.min(timeout, 10_000),
    // The app answers slow bodies itself, a moment earlier.
    requestTimeout: timeout + 2000,
    // Longer than a client's own: of two that let go at once one loses a request.
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 16_384,
  }
  const server = createAdaptorServer({
    fetch: app.fetch,
    hostname: host,
    serverOptions,
    overrideGlobalObjects: false,
  }) as Server
  // Of a socket on which nothing moves: a request may wait for its body, then for its answer.
  server.setTimeout(2 * timeout + 5000)
  server.maxConnections = 4096
  const open = new Set<ServerResponse>()
  const count = { accepted: 0, answered: 0 }
  let stopping = false
  const isLast = (response: ServerResponse) => void (response.headersSent || response.setHeader('Connection', 'close'))
  server.prependListener('request', (_: IncomingMessage, response: ServerResponse) => {
    count.accepted++
    metrics.accepted()
    open.add(response)
    response.on('finish', () => count.answered++)
    response.on('close', () => open.delete(response))
    if (stopping) isLast(response)
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`,
    async stop() {
      stopping = true
      for (const response of open) isLast(response)
      const closed = once(server, 'close')
      server.close()
      server.closeIdleConnections()
      await closed
      return count
    },
  }
}
