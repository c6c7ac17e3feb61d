#!/usr/bin/env node
import { run } from './run'

const interrupted = new AbortController()
// A second Ctrl-C does not wait.
process.once('SIGINT', () => interrupted.abort())
process.once('SIGTERM', () => interrupted.abort())

void run(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  interactive: process.stderr.isTTY ?? false,
  signal: interrupted.signal,
}).then((code) => (process.exitCode = code))
