import {
  AltCLIPConfig,
  autoModel,
  ChineseCLIPConfig,
  CLIPConfig,
  MetaClip2Config,
  OpenCLIPConfig,
  SiglipConfig,
  VisionTextDualEncoderConfig,
} from '@dual-encoder/core/backend'
import { OnnxModel, TextTower, VisionTower } from './model'
import type { OnnxOptions } from './options'

/** transformers' `VisionTextDualEncoderModel` on ONNX Runtime. */
export class VisionTextDualEncoderModel extends OnnxModel {
  static readonly configClass = VisionTextDualEncoderConfig
}

/** transformers' `CLIPModel` on ONNX Runtime. */
export class CLIPModel extends OnnxModel {
  static readonly configClass = CLIPConfig
}

/** transformers' `SiglipModel` on ONNX Runtime. */
export class SiglipModel extends OnnxModel {
  static readonly configClass = SiglipConfig
}

/** transformers' `ChineseCLIPModel` on ONNX Runtime. */
export class ChineseCLIPModel extends OnnxModel {
  static readonly configClass = ChineseCLIPConfig
}

/** transformers' `MetaClip2Model` on ONNX Runtime. */
export class MetaClip2Model extends OnnxModel {
  static readonly configClass = MetaClip2Config
}

/** transformers' `AltCLIPModel` on ONNX Runtime. */
export class AltCLIPModel extends OnnxModel {
  static readonly configClass = AltCLIPConfig
}

/** open_clip's models that no class of transformers computes, on ONNX Runtime. */
export class OpenCLIPModel extends OnnxModel {
  static readonly configClass = OpenCLIPConfig
}

/** transformers' `AutoModel`: a whole model, or a tower on its own, as `model_type` in its `config.json` says. */
export const AutoModel = /* @__PURE__ */ autoModel<OnnxModel, VisionTower, TextTower, OnnxOptions>(
  [VisionTextDualEncoderModel, CLIPModel, SiglipModel, ChineseCLIPModel, MetaClip2Model, AltCLIPModel, OpenCLIPModel],
  VisionTower,
  TextTower,
)
