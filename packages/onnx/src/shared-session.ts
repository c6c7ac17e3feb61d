import { storedOf, type WeightEntry } from '@dual-encoder/core/backend'
import { Demand } from './demand'
import { constantKey, isConstant } from './graph/constants'
import type { ModelProto } from './graph/proto'
import type { EngineOptions } from './options'
import type { OpenSession } from './session'

/** What a session is made of, in words: the same where graph, weights and options are. */
export interface SessionKey {
  /** Part of it. */
  readonly short: string
  /** All of it, which takes longer to write than most sessions need. */
  whole(): string
}

interface Shared {
  readonly key?: SessionKey
  readonly opened: Promise<OpenSession>
  readonly demand: Demand
  users: number
}

/** Sessions of this process that more than one model may use, by their keys' short forms. */
const sessions = new Map<string, Set<Shared>>()

/** A session that is given back, and ends when nobody uses it. */
export interface SessionLease {
  readonly opened: Promise<OpenSession>
  /** Until it is asked for, other threads alone work on it. */
  readonly demand: Demand
  release(): Promise<void>
}

/**
 * The session of `key` that a model of the same files has, or else the one that `open` makes. Without a key it is
 * nobody else's.
 */
export function leaseSession(
  key: SessionKey | undefined,
  open: (demand: Demand) => Promise<OpenSession>,
): SessionLease {
  const alike = (key && sessions.get(key.short)) ?? new Set()
  const known = key && [...alike].find((shared) => shared.key?.whole() === key.whole())
  const shared = known ?? begin(key, open)
  shared.users++
  const forget = () => {
    alike.delete(shared)
    if (key && alike.size === 0 && sessions.get(key.short) === alike) sessions.delete(key.short)
  }
  if (!known) {
    if (key) sessions.set(key.short, alike.add(shared))
    shared.opened.catch(forget)
  }
  return {
    opened: shared.opened,
    demand: shared.demand,
    async release() {
      if (--shared.users > 0) return
      forget()
      shared.demand.withdraw()
      await (await shared.opened.catch(() => undefined))?.session.release()
    },
  }
}

function begin(key: SessionKey | undefined, open: (demand: Demand) => Promise<OpenSession>): Shared {
  const demand = new Demand()
  return { key, demand, opened: open(demand), users: 0 }
}

/** Undefined where some weight is in no file of this machine. */
export function sessionKey(
  { graph }: ModelProto,
  entries: readonly WeightEntry[],
  options: EngineOptions,
): SessionKey | undefined {
  const stored = entries.flatMap((entry) => storedOf(entry).map((part) => ({ of: entry.name, ...part })))
  const files = [...new Set(stored.map(({ location }) => location?.local))]
  if (files.includes(undefined)) return undefined
  const { threads, executionProviders, worker, lowMemory, sessionOptions, isOneOfTwo } = options
  const engine = { threads, executionProviders, worker, lowMemory, sessionOptions, isOneOfTwo }
  const write = () => {
    const { nodes, inputs, outputs, initializers } = graph
    const constants = initializers.filter(isConstant).map((tensor) => [tensor.name, constantKey(tensor)])
    const located = stored.map(({ of, storage, change, location }) => {
      return [of, storage, change, files.indexOf(location?.local), location?.offset]
    })
    return JSON.stringify([nodes, inputs, outputs, constants, located])
  }
  let written: string | undefined
  return { short: JSON.stringify([graph.name, files, engine]), whole: () => (written ??= write()) }
}
