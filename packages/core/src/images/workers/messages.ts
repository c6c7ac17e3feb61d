import {
  BackendError,
  CheckpointError,
  ConfigError,
  DualEncoderError,
  ImageError,
  InputError,
  OptionError,
  SourceError,
} from '../../base/errors'
import type { Decoder } from '../decoder'
import type { Task } from '../processors/prepare'
import { runJob, type Planes } from './job'

/** To a worker. */
export interface Request {
  readonly id: number
  readonly bytes: Uint8Array
  readonly task: Task
}

/** From a worker; its first message is `READY`. */
export type Answer = { readonly id: number } & ({ readonly planes: Planes } | { readonly error: PackedError })
export const READY = 'ready'

/** Cloning keeps neither the class nor the code of an error. */
interface PackedError {
  readonly kind?: string
  readonly code: string
  readonly message: string
  readonly cause: unknown
}

const KINDS = [ImageError, InputError, OptionError, SourceError, ConfigError, CheckpointError, BackendError]

function packError(error: unknown): PackedError {
  if (!(error instanceof DualEncoderError)) return { code: '', message: String(error), cause: error }
  const { name: kind, code, message, cause } = error
  return { kind, code, message, cause: cause instanceof Error ? cause : undefined }
}

export function unpackError({ kind, code, message, cause }: PackedError): unknown {
  const type = KINDS.find((type) => type.kind === kind)
  return type ? new type(code, message, { cause }) : cause
}

/** The worker's side: answers each request by `send`. */
export function serve(decode: Decoder['decodeImage'], send: (message: unknown, transfer?: ArrayBuffer[]) => void) {
  send(READY)
  return async ({ id, bytes, task }: Request): Promise<void> => {
    try {
      const planes = await runJob(bytes, task, decode)
      send({ id, planes }, [planes.data.buffer])
    } catch (error) {
      send({ id, error: packError(error) })
    }
  }
}
