/** transformers' `SPECIAL_TOKENS_ATTRIBUTES`, in its order. */
export const TOKEN_NAMES = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const
export type TokenName = (typeof TOKEN_NAMES)[number]
