/**
 * A class whose instances are called like functions, as Python's `__call__`.
 * (`extends Function` would compile source text, which a content security policy forbids.)
 */
export abstract class Callable<Args extends unknown[], Result> {
  constructor() {
    const instance = (...args: Args): Result => (instance as unknown as Callable<Args, Result>).invoke(...args)
    return Object.setPrototypeOf(instance, new.target.prototype) as this
  }

  protected abstract invoke(...args: Args): Result
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging
export interface Callable<Args extends unknown[], Result> {
  (...args: Args): Result
}
