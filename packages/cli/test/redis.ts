import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/** A redis-server of Debian on a port of its own, which writes down what it is told before it answers. */
export interface TestRedis {
  readonly url: string
  /** SIGKILL. */
  kill(): Promise<void>
  start(): Promise<void>
}

export async function redisIn(folder: string): Promise<TestRedis> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
  let child: ChildProcess | undefined
  return {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...durable]
      child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(child, 'spawn')
      for await (const line of child.stdout!) if (String(line).includes('Ready to accept')) break
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
