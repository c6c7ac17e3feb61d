export { type ProcessorInputs, type ProcessorOutput, VisionTextDualEncoderProcessor } from './processor'
