import { Refused } from './refused'

/** Room for what waits and is computed: so many inputs, or bytes; more is refused. */
export class Room {
  readonly #size: number
  readonly #what: string
  #taken = 0
  /** Of a unit, the mean of late ones. */
  #seconds = 0

  constructor(size: number, what: string) {
    this.#size = size
    this.#what = what
  }

  get taken(): number {
    return this.#taken
  }

  /** Does some work once there is room for it. @throws Refused 429, with the seconds that what is in there is going to take */
  async during<T>(units: number, work: () => Promise<T>): Promise<T> {
    if (this.#taken + units > this.#size) {
      const seconds = Math.min(60, Math.max(1, Math.ceil(this.#taken * this.#seconds)))
      const message = `${this.#taken} ${this.#what} are waiting, of at most ${this.#size}. Try again in ${seconds} s.`
      throw new Refused(429, 'queue-full', message, seconds)
    }
    this.#taken += units
    const [started, beside] = [performance.now(), this.#taken]
    try {
      return await work()
    } finally {
      this.#taken -= units
      this.#seconds += 0.1 * ((performance.now() - started) / 1000 / beside - this.#seconds)
    }
  }
}
