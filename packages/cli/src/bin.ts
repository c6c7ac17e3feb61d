#!/usr/bin/env node
import { getPriority, setPriority } from 'node:os'
import { isMainThread, workerData } from 'node:worker_threads'
import { Context, type LoadFlags } from './context'
import { run } from './run'
import { type EngineFlags, loadEngine } from './server/load'
import { answerEngine } from './server/thread'
import type { Terminal } from './terminal'

const interrupted = new AbortController()
const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  interactive: process.stderr.isTTY ?? false,
  signal: interrupted.signal,
}

if (isMainThread) {
  // A second Ctrl-C does not wait.
  process.once('SIGINT', () => interrupted.abort())
  process.once('SIGTERM', () => interrupted.abort())
  void run(process.argv.slice(2), terminal).then((code) => (process.exitCode = code))
} else {
  // The server's engine. Linux knows a thread's own priority: what answers comes before what computes.
  if (process.platform === 'linux') setPriority(Math.min(19, getPriority() + 5))
  const { engine } = workerData as { engine: LoadFlags & EngineFlags }
  answerEngine(loadEngine(new Context(terminal, true), engine))
}
