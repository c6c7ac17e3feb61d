export type Vector = Float64Array<ArrayBuffer>

/** Value and gradient of a function at a point. `gradient` is written into. */
export type Objective = (point: Vector, gradient: Vector) => number

export interface LbfgsOptions {
  maxIterations: number
  /** Ends where no part of the gradient is larger. */
  tolerance: number
}

/** Pairs of steps and changes of the gradient that stand for the curvature. */
const MEMORY = 10
/** The two conditions of Wolfe: enough is gained, and the slope has flattened enough. */
const [ENOUGH, FLATTER] = [1e-4, 0.9]

const dot = (a: Vector, b: Vector): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
const along = (x: Vector, step: number, d: Vector): Vector => x.map((value, i) => value + step * d[i]!)

/** Minimises a smooth convex function from `start` on (Nocedal and Wright, algorithm 7.5). */
export function minimise(
  objective: Objective,
  start: Vector,
  { maxIterations, tolerance }: LbfgsOptions,
): { point: Vector; value: number; iterations: number; converged: boolean } {
  let point = start
  let gradient = new Float64Array(start.length)
  let value = objective(point, gradient)
  const memory: { step: Vector; change: Vector; rho: number }[] = []
  for (let iterations = 0; ; iterations++) {
    const converged = gradient.every((part) => Math.abs(part) <= tolerance)
    if (converged || iterations === maxIterations) return { point, value, iterations, converged }
    const direction = directionOf(gradient, memory)
    const first = memory.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1
    const found = lineSearch(objective, point, value, gradient, direction, first)
    // Rounding leaves nothing to gain.
    if (!found) return { point, value, iterations, converged }
    const step = found.point.map((x, i) => x - point[i]!)
    const change = found.gradient.map((x, i) => x - gradient[i]!)
    const curvature = dot(step, change)
    if (curvature > 0) memory.push({ step, change, rho: 1 / curvature })
    if (memory.length > MEMORY) memory.shift()
    ;({ point, value, gradient } = found)
  }
}

/** The two-loop recursion: minus the gradient, times what is known of the inverse curvature. */
function directionOf(gradient: Vector, memory: readonly { step: Vector; change: Vector; rho: number }[]): Vector {
  let q = gradient.map((x) => -x)
  const alphas = memory.map(() => 0)
  for (let k = memory.length - 1; k >= 0; k--) {
    const { step, change, rho } = memory[k]!
    alphas[k] = rho * dot(step, q)
    q = along(q, -alphas[k]!, change)
  }
  const last = memory.at(-1)
  if (last) {
    const scale = 1 / (last.rho * dot(last.change, last.change))
    q = q.map((x) => x * scale)
  }
  memory.forEach(({ step, change, rho }, k) => (q = along(q, alphas[k]! - rho * dot(change, q), step)))
  return q
}

/** A step along `direction` that meets both conditions, by bisection; undefined where there is none to be found. */
function lineSearch(
  objective: Objective,
  from: Vector,
  value: number,
  gradient: Vector,
  direction: Vector,
  first: number,
): { point: Vector; value: number; gradient: Vector } | undefined {
  const slope = dot(gradient, direction)
  let [low, high, step] = [0, Infinity, first]
  for (let tries = 0; tries < 60; tries++) {
    const point = along(from, step, direction)
    const next = new Float64Array(from.length)
    const reached = objective(point, next)
    if (!(reached <= value + ENOUGH * step * slope)) high = step
    else if (dot(next, direction) < FLATTER * slope) low = step
    else return { point, value: reached, gradient: next }
    step = high === Infinity ? 2 * low : (low + high) / 2
  }
  return undefined
}
