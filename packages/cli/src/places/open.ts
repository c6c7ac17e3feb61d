import { Bucket, isBucket } from './bucket'
import { Folder } from './folder'
import type { Place } from './place'

/** A folder, or `s3://bucket/place`. */
export const placeOf = (path: string): Place => (isBucket(path) ? new Bucket(path) : new Folder(path))
