export { type Hit, topK } from './top-k'
