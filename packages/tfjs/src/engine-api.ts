/** For packages that run these models on a backend of TensorFlow.js of their own. */
export { makeCurrent } from './backend'
export type { DropoutMasks } from './dropout'
export { computing, Engine } from './engine'
export { registerGradients } from './gradients'
export { EngineModel, EngineTower } from './model'
export { TfjsOps } from './ops'
export { onDevice, type TfjsRunner } from './runner'
export { KeptWeights, loadTensors, type TensorWeights } from './weights'
