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
import { TextTower, VisionTower, WebGpuModel } from './model'
import type { WebGpuOptions } from './options'

/** transformers' `VisionTextDualEncoderModel` on WebGPU. */
export class VisionTextDualEncoderModel extends WebGpuModel {
  static readonly configClass = VisionTextDualEncoderConfig
}

/** transformers' `CLIPModel` on WebGPU. */
export class CLIPModel extends WebGpuModel {
  static readonly configClass = CLIPConfig
}

/** transformers' `SiglipModel` on WebGPU. */
export class SiglipModel extends WebGpuModel {
  static readonly configClass = SiglipConfig
}

/** transformers' `ChineseCLIPModel` on WebGPU. */
export class ChineseCLIPModel extends WebGpuModel {
  static readonly configClass = ChineseCLIPConfig
}

/** transformers' `MetaClip2Model` on WebGPU. */
export class MetaClip2Model extends WebGpuModel {
  static readonly configClass = MetaClip2Config
}

/** transformers' `AltCLIPModel` on WebGPU. */
export class AltCLIPModel extends WebGpuModel {
  static readonly configClass = AltCLIPConfig
}

/** open_clip's models that no class of transformers computes, on WebGPU. */
export class OpenCLIPModel extends WebGpuModel {
  static readonly configClass = OpenCLIPConfig
}

/** transformers' `AutoModel`: a whole model, or a tower on its own, as `model_type` in its `config.json` says. */
export const AutoModel = /* @__PURE__ */ autoModel<WebGpuModel, VisionTower, TextTower, WebGpuOptions>(
  [VisionTextDualEncoderModel, CLIPModel, SiglipModel, ChineseCLIPModel, MetaClip2Model, AltCLIPModel, OpenCLIPModel],
  VisionTower,
  TextTower,
)
