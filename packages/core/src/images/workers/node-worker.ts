import { parentPort, workerData } from 'node:worker_threads'

import { serve, type Request } from './messages'
import { decodeImage, loadSharp } from '../decode/node'

// A script that is no file finds no packages by their names.
void loadSharp(workerData as string).then(() => {
  const answer = serve(decodeImage, (message, transfer) => parentPort!.postMessage(message, transfer))
  parentPort!.on('message', (request: Request) => void answer(request))
})
