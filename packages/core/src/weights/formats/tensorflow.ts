import { decode } from '../safetensors/dtypes'
import type { Source } from '../../files/types'
import type { WeightEntry } from '../entry'
import { FileView } from './file-view'
import { readHdf5 } from './hdf5'

/**
 * The datasets of one `tf_model.h5` by TensorFlow's names (`vision_model/vit/...:0`) and in its layouts;
 * undefined where absent. A whole Keras file puts `layer/model/` before each name, a shard nothing.
 */
export async function openTensorFlow(source: Source, file: string): Promise<Map<string, WeightEntry> | undefined> {
  const view = await FileView.open(source, file, 'HDF5 file')
  if (!view) return undefined
  const { datasets, attributes } = await readHdf5(view)
  const whole = attributes.includes('keras_version') || attributes.includes('backend')
  const weights = new Map<string, WeightEntry>()
  for (const { path, shape, storage, offset, length } of datasets) {
    const name = whole ? path.split('/').slice(2).join('/') : path
    const other = weights.get(name)
    // Keras stores a weight that layers share (a tied embedding) once for each of them.
    if (other && other.shape.join() === shape.join()) continue
    if (other) view.fail('duplicate-names', `it holds "${name}" twice, in different shapes`)
    weights.set(name, {
      name,
      shape,
      storage,
      location: { file, offset, length, read: (at, size) => view.read(at, size) },
      read: async () => decode(await view.read(offset, length), storage, shape),
    })
  }
  return weights
}
