import { parentPort } from 'node:worker_threads'
import { atOnce } from '@dual-encoder/core/backend'
import { making, type Work } from './node-jobs'

parentPort!.on('message', (work: Work) => {
  try {
    atOnce(making(work))
  } catch {
    // Who gave the work finds it taken and not done, and hears why where it is done again.
  }
  parentPort!.postMessage(undefined)
})
