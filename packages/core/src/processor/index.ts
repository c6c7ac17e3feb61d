export { type ProcessorInputs, type ProcessorOutput, type TextHalf, VisionTextDualEncoderProcessor } from './processor'
