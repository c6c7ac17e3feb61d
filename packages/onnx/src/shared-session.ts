import { storedOf, type WeightEntry } from '@dual-encoder/core/backend'
import { constantKey, isConstant } from './graph/constants'
import type { ModelProto } from './graph/proto'
import type { OnnxOptions } from './options'
import type { OpenSession } from './session'

interface Shared {
  readonly opened: Promise<OpenSession>
  users: number
}

/** Sessions of this process that more than one model may use. */
const sessions = new Map<string, Shared>()

/** A session that is given back, and ends when nobody uses it. */
export interface SessionLease {
  readonly opened: Promise<OpenSession>
  release(): Promise<void>
}

/**
 * The session of `key` that a model of the same files has, or else the one that `open` makes. Without a key it is
 * nobody else's.
 */
export function leaseSession(key: string | undefined, open: () => Promise<OpenSession>): SessionLease {
  const known = key === undefined ? undefined : sessions.get(key)
  const shared = known ?? { opened: open(), users: 0 }
  shared.users++
  const forget = () => {
    if (key !== undefined && sessions.get(key) === shared) sessions.delete(key)
  }
  if (!known) {
    if (key !== undefined) sessions.set(key, shared)
    shared.opened.catch(forget)
  }
  return {
    opened: shared.opened,
    async release() {
      if (--shared.users > 0) return
      forget()
      await (await shared.opened.catch(() => undefined))?.session.release()
    },
  }
}

/** The same where graph, weights and options are; undefined where some weight is in no file of this machine. */
export function sessionKey(
  model: ModelProto,
  entries: readonly WeightEntry[],
  options: OnnxOptions,
): string | undefined {
  const files = new Map<string, number>()
  const located: unknown[] = []
  for (const entry of entries)
    for (const { storage, change, location } of storedOf(entry)) {
      if (!location?.local) return undefined
      const { folder, name: file, size, modified } = location.local
      const path = JSON.stringify([folder, file, size, modified])
      if (!files.has(path)) files.set(path, files.size)
      located.push([entry.name, storage, change, files.get(path), location.offset])
    }
  const { nodes, inputs, outputs, initializers } = model.graph
  const constants = initializers.filter(isConstant).map((tensor) => [tensor.name, constantKey(tensor)])
  const { threads, executionProviders, worker, lowMemory, sessionOptions } = options
  const engine = { threads, executionProviders, worker, lowMemory, sessionOptions }
  return JSON.stringify([nodes, inputs, outputs, constants, located, [...files.keys()], engine])
}
