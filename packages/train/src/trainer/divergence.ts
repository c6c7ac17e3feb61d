/** Steps whose median is looked at: one that is far off says nothing. */
const WINDOW = 20
/** How far it has to be above the lowest such median, and above all of the first losses, to be lost. */
const FACTOR = 3

/** Tells a run that is lost: its loss or gradient is no number, or its loss far above what it was at first. */
export class LossWatch {
  readonly #last: number[] = []
  #first?: number
  #lowest = Infinity

  /** @returns what is wrong */
  see(loss: number, gradNorm: number): string | undefined {
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
      return `the loss is ${loss}, the length of all gradients ${gradNorm}`
    this.#last.push(loss)
    if (this.#last.length > WINDOW) this.#last.shift()
    if (this.#last.length < WINDOW) return undefined
    const median = [...this.#last].sort((a, b) => a - b)[WINDOW / 2]!
    this.#first ??= Math.max(...this.#last)
    this.#lowest = Math.min(this.#lowest, median)
    const isLost = median > FACTOR * this.#lowest && median > FACTOR * this.#first
    return isLost
      ? `the loss diverges: ${median.toPrecision(4)} is the median of ${WINDOW} steps, ${this.#lowest.toPrecision(4)} at its lowest`
      : undefined
  }
}
