import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Context, LoadFlags } from '../context'
import { modelSource } from '../model'
import { createApp } from '../server/app'
import { threadEngine } from '../server/engine'

export interface ServeFlags extends LoadFlags {
  readonly host: string
  readonly port: number
  readonly queue: number
  readonly maxBody: number
  readonly maxInputs: number
}

/** Serves until it is stopped; what was accepted by then is answered. */
export async function serve(flags: ServeFlags, context: Context): Promise<void> {
  const { host, port, queue, maxBody, maxInputs, ...load } = flags
  const engine = threadEngine(process.argv[1]!, load)
  // Loaded before anybody asks.
  await engine.texts(['ready'])
  const keys = process.env.DUAL_ENCODER_API_KEYS?.split(',').filter(Boolean)
  const app = createApp(engine, {
    model: modelSource(flags.model),
    queue,
    maxBody,
    maxInputs,
    ...(keys ? { keys } : {}),
  })
  const server = createAdaptorServer({ fetch: app.fetch, hostname: host })
  server.listen(port, host)
  await once(server, 'listening')
  const url = `http://${host}:${(server.address() as AddressInfo).port}`
  context.print(`Listening on ${url}`, { url })
  if (!context.signal.aborted) await once(context.signal, 'abort')
  const closed = once(server, 'close')
  server.close()
  if ('closeIdleConnections' in server) server.closeIdleConnections()
  await closed
  await engine.close()
}
