/** An answer that is no 200, as OpenAI's clients read it. */
export class Refused extends Error {
  constructor(
    readonly status: 400 | 401 | 404 | 408 | 413 | 429 | 503,
    readonly code: string,
    message: string,
    /** Seconds after which it may be asked again. */
    readonly retryAfter?: number,
  ) {
    super(message)
  }
}

/** The body of an answer that is no 200. */
export const errorBody = (status: number, code: string, message: string) => ({
  error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', code, param: null },
})
