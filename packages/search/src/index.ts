/** An index of pictures and texts. */
export { checkFingerprint, type Fingerprint, fingerprintOf, type PairEncoder, type PairProcessor } from './fingerprint'
