export { type LossType, probabilitiesOf } from './post-process'
export { type ProcessorInputs, type ProcessorOutput, type TextHalf, VisionTextDualEncoderProcessor } from './processor'
