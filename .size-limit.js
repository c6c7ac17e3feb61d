// What a page loads at once: what it asks for later (towers, decoders, formats, the hub) comes in files of its own.
const onDemand = {
  name: 'on demand',
  setup: (build) =>
    build.onResolve({ filter: /.*/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    ),
}
// A page takes modules; what a package's own files take from each other for nothing else is left out without a word.
const modifyEsbuildConfig = (config) => ({
  ...config,
  format: 'esm',
  logOverride: { 'ignored-bare-import': 'silent' },
  plugins: [onDemand],
})

/** @type {{ name: string, path: string, import: string, ignore?: string[], limit: string }[]} */
const limits = [
  {
    name: 'core, topK alone',
    path: 'packages/core/dist/index.js',
    import: '{ topK }',
    limit: '5 kB',
  },
  {
    name: 'core, the processor',
    path: 'packages/core/dist/index.js',
    import: '{ VisionTextDualEncoderProcessor }',
    limit: '50 kB',
  },
  {
    name: 'onnx, the model, without onnxruntime-web',
    path: 'packages/onnx/dist/index.js',
    import: '{ VisionTextDualEncoderModel }',
    ignore: ['onnxruntime-web'],
    limit: '80 kB',
  },
  {
    name: 'tfjs, the model and the script of its threads, without TensorFlow.js',
    path: 'packages/tfjs/dist/index.js',
    import: '{ VisionTextDualEncoderModel }',
    ignore: ['@tensorflow/*'],
    limit: '90 kB',
  },
  {
    name: 'webgpu, the model, without TensorFlow.js',
    path: 'packages/webgpu/dist/index.js',
    import: '{ VisionTextDualEncoderModel }',
    ignore: ['@tensorflow/*'],
    limit: '90 kB',
  },
  {
    name: 'train, optimizer, schedule and rules',
    path: 'packages/train/dist/index.js',
    import: '{ adamw, scheduleOf, planOf }',
    limit: '8 kB',
  },
]

export default limits.map((limit) => ({ ...limit, modifyEsbuildConfig }))
