/** Upper ends of the buckets of seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** What Prometheus is told. */
export class Metrics {
  readonly #requests = new Map<string, { count: number; seconds: number; buckets: number[] }>()
  readonly #answers = new Map<string, number>()
  readonly #inputs = new Map<string, number>()
  #tokens = 0
  #accepted = 0

  /** A request whose headers have come. */
  accepted(): void {
    this.#accepted++
  }

  /** A request's answer. @param path of those that there are, else `other` */
  answered(path: string, status: number, seconds: number): void {
    const name = `path="${path}",status="${status}"`
    this.#answers.set(name, (this.#answers.get(name) ?? 0) + 1)
    const of = this.#requests.get(path) ?? { count: 0, seconds: 0, buckets: BUCKETS.map(() => 0) }
    this.#requests.set(path, of)
    of.count++
    of.seconds += seconds
    BUCKETS.forEach((end, i) => seconds <= end && of.buckets[i]!++)
  }

  embedded(kind: 'text' | 'picture', count: number, tokens = 0): void {
    this.#inputs.set(kind, (this.#inputs.get(kind) ?? 0) + count)
    this.#tokens += tokens
  }

  /** @param gauges what is counted as it is asked for */
  text(gauges: Readonly<Record<string, readonly [help: string, value: number]>>): string {
    const lines: string[] = []
    const family = (name: string, type: string, help: string, samples: Iterable<readonly [string, number]>) => {
      lines.push(`# HELP dual_encoder_${name} ${help}`, `# TYPE dual_encoder_${name} ${type}`)
      for (const [end, value] of samples) lines.push(`dual_encoder_${name}${end} ${value}`)
    }
    family('requests_total', 'counter', 'Requests that have come.', [['', this.#accepted]])
    family('answers_total', 'counter', 'Answers, by path and status.', labelled(this.#answers))
    family('request_seconds', 'histogram', 'Seconds from a request to its answer.', this.#durations())
    const kinds = new Map([...this.#inputs].map(([kind, count]) => [`kind="${kind}"`, count]))
    family('inputs_total', 'counter', 'Texts and pictures that were embedded.', labelled(kinds))
    family('tokens_total', 'counter', 'Tokens of the texts.', [['', this.#tokens]])
    for (const [name, [help, value]] of Object.entries(gauges)) family(name, 'gauge', help, [['', value]])
    return `${lines.join('\n')}\n`
  }

  *#durations(): Generator<readonly [string, number]> {
    for (const [path, { count, seconds, buckets }] of this.#requests) {
      for (const [i, end] of BUCKETS.entries()) yield [`_bucket{path="${path}",le="${end}"}`, buckets[i]!]
      yield [`_bucket{path="${path}",le="+Inf"}`, count]
      yield [`_sum{path="${path}"}`, seconds]
      yield [`_count{path="${path}"}`, count]
    }
  }
}

function* labelled(values: ReadonlyMap<string, number>): Generator<readonly [string, number]> {
  for (const [labels, value] of values) yield [`{${labels}}`, value]
}
