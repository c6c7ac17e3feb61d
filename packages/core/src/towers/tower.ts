import type { PretrainedConfig, JsonObject } from '../base/pretrained-config'
import type { Ops, Param } from '../ops/ops'
import type { TextInput } from './inputs'
import type { Scope } from '../ops/scope'

/** How a tower's one vector is taken where it has no pooler of its own. */
export type Pooling = 'cls' | 'mean' | 'max'

/** Which of a tower's outputs are wanted. Only these are computed. */
export interface Taps {
  /** 'optional': the run says whether it is wanted (`Ops.firstTokens`). */
  readonly lastHiddenState?: boolean | 'optional'
  readonly hiddenStates?: boolean
  readonly attentions?: boolean
}

/** What a tower computes, every intermediate by name (transformers' `BaseModelOutputWithPooling`). */
export interface TowerOutput<T> {
  /** `[B, L, D]`, `[B, C, H, W]` of convolutions; absent where no tap asks for it. */
  lastHiddenState?: T
  /** `[B, D]` */
  poolerOutput: T
  /** Embeddings, then the output of each layer (of each stage, where there are stages). */
  hiddenStates?: T[]
  /** `[B, heads, L, L]` for each layer. Of windows `[B * windows, heads, L, L]`; none of convolutions. */
  attentions?: T[]
}

export interface VisionInputs<T> {
  /** `[B, C, H, W]` */
  readonly pixelValues: T
  /** H and W of these pixels, numbers while the tower runs. */
  readonly imageSize: readonly [number, number]
}

/** What any tower's config holds that the rest of the library reads. */
export interface TowerConfig extends PretrainedConfig {
  /** Of the pooled output. */
  readonly hiddenSize: number
  readonly initializerRange: number
  /** Saved with the config; unset where the tower's own pooler is used. */
  pooling?: Pooling
}

export interface VisionConfig extends TowerConfig {
  readonly imageSize: number | readonly [number, number]
  readonly patchSize: number | readonly [number, number]
  readonly numChannels: number
}

export interface TextConfig extends TowerConfig {
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  vocabSize: number
  padTokenId: number
}

/** A tower's config class, as the registry lists it. */
export interface TowerConfigClass<K extends 'vision' | 'text'> {
  readonly modelType: string
  readonly defaults: object
  fromJSON(json: JsonObject): K extends 'vision' ? VisionConfig : TextConfig
}

/** Parts of names, and what stands for them here; applied one after another. */
export type TowerNames = readonly (readonly [RegExp, string])[]

interface TowerBase<C extends TowerConfig> {
  readonly modelType: string
  /** Values of its pooled output, where they are not `hiddenSize`. */
  pooledSize?(config: C): number
  /** Weights that its checkpoints hold and `forward` does not read (`mask_token`). */
  idleParams?(weights: Scope, config: C): Param[]
  /** Names that its checkpoints may hold and that are set aside: computed today, or of pre-training. */
  readonly staleNames?: readonly RegExp[]
  /** Other names that some Python has given its weights, and what they are called here. */
  readonly otherNames?: TowerNames
  /** Weights that some Python keeps in parts, by rows, and the one that they make here. */
  readonly joinedNames?: readonly { readonly parts: readonly string[]; readonly whole: string }[]
  /** The extra level of names under which transformers 4 writes it (`vision_model` of CLIP); version 5 has none. */
  readonly innerName?: string
  /** Of a tower without a pooler, for which the config has to say `pooling`: what suits it, and why. */
  suits?(config: C): { readonly pooling: Pooling; readonly because: string }
}

export interface VisionTowerModule<C extends VisionConfig = VisionConfig> extends TowerBase<C> {
  readonly kind: 'vision'
  /** Which image sizes it takes beside the trained one: 'interpolated' (the default) with `interpolatePosEncoding` only. */
  imageSizes?(config: C): 'any' | 'interpolated' | 'trained'
  /** `[height, width]` below which a picture is too small; one patch unless given. */
  smallestImage?(config: C): readonly [number, number]
  /** Its pooled output is a map of one position, `[B, D, 1, 1]`. */
  readonly mapPooler?: boolean
  forward<T>(ops: Ops<T>, weights: Scope, config: C, inputs: VisionInputs<T>, taps: Taps): TowerOutput<T>
}

export interface TextTowerModule<C extends TextConfig = TextConfig, I extends string = string> extends TowerBase<C> {
  readonly kind: 'text'
  /** What it takes, by the names that `forward` knows. */
  readonly inputs: Readonly<Record<I, TextInput<C>>>
  /** open_clip's own kind: in its models padding is seen as any token, where it is masked in transformers' towers. */
  readonly seesPadding?: true
  forward<T>(ops: Ops<T>, weights: Scope, config: C, inputs: Readonly<Record<I, T>>, taps: Taps): TowerOutput<T>
  /** The longest sequence that it has positions for; Infinity where any length will do. */
  maxLength(config: C): number
}
