/**
 * The text of a preprocessor_config.json: the shorter side to `shortestEdge`, the middle 224 x 224, `mean` and `std` of 0 to 1.
 * @param {{ type: string, shortestEdge: number, mean: number[], std: number[] }} settings
 */
export const preprocessor = ({ type, shortestEdge, mean, std }) =>
  JSON.stringify(
    {
      image_processor_type: type,
      do_convert_rgb: true,
      do_resize: true,
      size: { shortest_edge: shortestEdge },
      resample: 3,
      do_center_crop: true,
      crop_size: { height: 224, width: 224 },
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: mean,
      image_std: std,
    },
    null,
    2,
  )
