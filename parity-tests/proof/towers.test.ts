// Every case of the towers' fixtures on every backend, in Chromium too, and what docs/parity says of them.
process.env.PARITY_REPORT = '1'
await import('../src/towers.test')

export {}
