/**
 * The base of classes whose instances are called like functions, as Python's `__call__`.
 * (`extends Function` would compile source text, which a content security policy forbids.)
 */
export abstract class CallableInstance<Args extends unknown[], Result> {
  constructor() {
    const instance = (...args: Args): Result => (instance as unknown as this).invoke(...args)
    return Object.setPrototypeOf(instance, new.target.prototype) as this
  }

  protected abstract invoke(...args: Args): Result
}

/** `Call`: the signature that callers see, where it has overloads. */
export type Callable<Args extends unknown[], Result, Call = (...args: Args) => Result> = CallableInstance<
  Args,
  Result
> &
  Call

/** `class Tokenizer extends callable<[text: string], Encoding>() { protected invoke(text) {} }` */
export const callable = <Args extends unknown[], Result, Call = (...args: Args) => Result>() =>
  CallableInstance as unknown as abstract new () => Callable<Args, Result, Call>
