/** An index of pictures and texts. */
export type { AddOptions, AddReport, Embedded, Item } from './adding'
export { checkFingerprint, type Fingerprint, fingerprintOf, type PairEncoder, type PairProcessor } from './fingerprint'
export { isPicture } from './picture-name'
export { listPictures } from './pictures'
export type { FileState, FoundFiles } from './platform/platform'
export type { Query, QueryPart } from './query'
export { type DuplicateOptions, type IndexOptions, SearchIndex, type SearchOptions } from './search-index'
export type { Approximate, Found, Metadata, Recorded, Row } from './stores/store'
