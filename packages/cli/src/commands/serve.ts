import { once } from 'node:events'
import type { Context, LoadFlags } from '../context'
import { modelSource } from '../model'
import { createApp } from '../server/app'
import { listen } from '../server/listen'
import { Metrics } from '../server/metrics'
import { threadEngine } from '../server/thread'
import type { EngineFlags } from '../server/load'

export interface ServeFlags extends LoadFlags, EngineFlags {
  readonly host: string
  readonly port: number
  readonly queue: number
  readonly maxBody: number
  readonly maxInputs: number
  /** Seconds. */
  readonly timeout: number
  readonly allowHosts?: readonly string[]
}

/** Serves until it is stopped; what was accepted by then is answered. */
export async function serve(flags: ServeFlags, context: Context): Promise<void> {
  const { host, port, queue, maxBody, maxInputs, timeout, allowHosts, ...load } = flags
  const engine = threadEngine(process.argv[1]!, load)
  try {
    // Loaded before anybody asks.
    await engine.embed([{ text: 'ready' }])
    const keys = process.env.DUAL_ENCODER_API_KEYS?.split(',').filter(Boolean)
    const metrics = new Metrics()
    const options = {
      ...{ model: modelSource(flags.model), queue, maxBody, maxInputs, timeout: timeout * 1000 },
      ...(keys ? { keys } : {}),
      ...(allowHosts ? { hosts: allowHosts.flatMap((hosts) => hosts.split(',')) } : {}),
    }
    const app = createApp(engine, options, metrics)
    const { url, stop } = await listen(app, { host, port, timeout: timeout * 1000 }, metrics)
    context.print(`Listening on ${url}`, { url })
    if (!context.signal.aborted) await once(context.signal, 'abort')
    const { accepted, answered } = await stop()
    context.print(`Stopped: of ${accepted} requests that came ${answered} were answered`, { accepted, answered })
  } finally {
    // Its thread would go on without us. What failed is known.
    await engine.close().catch(() => undefined)
  }
}
