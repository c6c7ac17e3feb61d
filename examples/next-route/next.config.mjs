/** What is native, or finds its files beside it, is not bundled. */
export default {
  serverExternalPackages: [
    '@dual-encoder/core',
    '@dual-encoder/onnx',
    '@dual-encoder/search',
    '@lancedb/lancedb',
    'apache-arrow',
    'onnxruntime-node',
    'sharp',
  ],
}
