/** What differs between Node and browsers. Chosen by package conditions: `#gpu`. */
export interface Platform {
  /** The entrance to WebGPU, and the globals that TensorFlow.js reads (`GPUBuffer`, `GPUBufferUsage` ...) in place. */
  gpu(): Promise<GPU>
  /** How to get an adapter where there is none. */
  readonly noAdapter: string
}
