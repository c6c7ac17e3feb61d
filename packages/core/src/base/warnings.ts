/** Something a user should know although the call succeeds. */
export interface Warning {
  readonly code: string
  readonly message: string
  /** The weights it is about. */
  readonly names?: readonly string[]
}

export type WarningListener = (warning: Warning) => void

/** Where warnings go unless a call says otherwise. */
// eslint-disable-next-line no-console -- the one place where the library prints
export const printWarning: WarningListener = ({ message }) => console.warn(`[dual-encoder] ${message}`)
