// Gradients of every tower on WebGPU too.
process.env.PARITY_REPORT = '1'
await import('../src/tower-gradients.test')

export {}
