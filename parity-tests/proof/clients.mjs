// Clients of a server in a process of their own, so that what is measured is the server's time: each asks again as soon as
// it has the answer (`pause` ms later), until the time is over or the server no longer takes connections.
import { readdir, readFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'

/** @type {{ url: string, path: string, clients: number, seconds: number, pause?: number, pictures?: string }} */
const { url, path, clients, seconds, pause, pictures } = JSON.parse(process.argv[2])
const names = pictures === undefined ? [] : (await readdir(pictures)).sort()
const bodies = await Promise.all(
  names.map(async (name) => {
    const base64 = await readFile(join(pictures, name), 'base64')
    return Buffer.from(JSON.stringify({ input: { image: `data:image/png;base64,${base64}` } }))
  }),
)
const agent = new Agent({ keepAlive: true })

/** @param {Buffer | undefined} body @returns {Promise<number>} the answer's status */
const ask = (body) =>
  new Promise((done, fail) => {
    const headers = body ? { 'content-type': 'application/json', 'content-length': body.length } : {}
    const sent = request(`${url}${path}`, { method: body ? 'POST' : 'GET', agent, headers }, (response) => {
      response.resume()
      response.on('end', () => done(response.statusCode))
      response.on('error', fail)
    })
    sent.on('error', fail)
    sent.end(body)
  })

const end = performance.now() + seconds * 1000
/** Of answers. @type {number[]} */
const milliseconds = []
const statuses = new Set()
async function client(first) {
  for (let i = first; performance.now() < end; i++) {
    const sent = performance.now()
    const status = await ask(bodies[i % bodies.length]).catch(() => undefined)
    if (status === undefined) return
    statuses.add(status)
    milliseconds.push(performance.now() - sent)
    if (pause) await new Promise((next) => setTimeout(next, pause))
  }
}
const started = performance.now()
await Promise.all(Array.from({ length: clients }, (_, i) => client(i)))
const took = (performance.now() - started) / 1000
process.stdout.write(JSON.stringify({ milliseconds, seconds: took, statuses: [...statuses] }))
agent.destroy()
