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
import { TextTower, TfjsModel, VisionTower } from './model'
import type { TfjsOptions } from './options'

/** transformers' `VisionTextDualEncoderModel` on TensorFlow.js. */
export class VisionTextDualEncoderModel extends TfjsModel {
  static readonly configClass = VisionTextDualEncoderConfig
}

/** transformers' `CLIPModel` on TensorFlow.js. */
export class CLIPModel extends TfjsModel {
  static readonly configClass = CLIPConfig
}

/** transformers' `SiglipModel` on TensorFlow.js. */
export class SiglipModel extends TfjsModel {
  static readonly configClass = SiglipConfig
}

/** transformers' `ChineseCLIPModel` on TensorFlow.js. */
export class ChineseCLIPModel extends TfjsModel {
  static readonly configClass = ChineseCLIPConfig
}

/** transformers' `MetaClip2Model` on TensorFlow.js. */
export class MetaClip2Model extends TfjsModel {
  static readonly configClass = MetaClip2Config
}

/** transformers' `AltCLIPModel` on TensorFlow.js. */
export class AltCLIPModel extends TfjsModel {
  static readonly configClass = AltCLIPConfig
}

/** open_clip's models that no class of transformers computes, on TensorFlow.js. */
export class OpenCLIPModel extends TfjsModel {
  static readonly configClass = OpenCLIPConfig
}

/** transformers' `AutoModel`: a whole model, or a tower on its own, as `model_type` in its `config.json` says. */
export const AutoModel = /* @__PURE__ */ autoModel<TfjsModel, VisionTower, TextTower, TfjsOptions>(
  [VisionTextDualEncoderModel, CLIPModel, SiglipModel, ChineseCLIPModel, MetaClip2Model, AltCLIPModel, OpenCLIPModel],
  VisionTower,
  TextTower,
)
