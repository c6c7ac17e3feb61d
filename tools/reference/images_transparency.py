"""What transformers makes of transparent pictures given as objects: parity-tests/fixtures/images/transparency.json and
image-formats/tiff-transparency.json

Of each file of images_decode.py and images_tiff.py in which Pillow finds transparency: the SHA-256 of its RGB bytes on white (transformers'
`convert_to_rgb`, held to both backends of a CLIP processor) and on another colour (Pillow's `alpha_composite`).

    python tools/reference/images_transparency.py
"""

import hashlib
import json
import warnings

import numpy as np
import PIL
from PIL import Image, ImageOps
from transformers.image_transforms import convert_to_rgb
from transformers.models.clip.image_processing_clip import CLIPImageProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from images import OUT

COLOR = (13, 200, 90)
PLAIN = dict(do_resize=False, do_center_crop=False, do_rescale=False, do_normalize=False)


def checksum(array):
    return hashlib.sha256(np.ascontiguousarray(array, dtype=np.uint8).tobytes()).hexdigest()[:24]


def main():
    warnings.simplefilter("ignore")
    write(OUT / "files", OUT / "transparency.json")
    formats = OUT.parent / "image-formats"
    write(formats / "tiff", formats / "tiff-transparency.json")


def write(folder, table):
    entries = {}
    for path in sorted(folder.iterdir()):
        try:
            image = ImageOps.exif_transpose(Image.open(path))
            image.load()
        except Exception:  # damaged on purpose
            continue
        if "A" not in image.getbands() and image.info.get("transparency") is None:
            continue
        try:
            white = convert_to_rgb(image, return_numpy=True)
        except ValueError:  # modes that Pillow does not convert
            continue
        for processor in (CLIPImageProcessor(**PLAIN), CLIPImageProcessorPil(**PLAIN)):
            pixels = processor(image, return_tensors="np")["pixel_values"][0]
            assert (np.moveaxis(pixels, 0, -1) == white).all(), path
        rgba = image.convert("RGBA")
        color = Image.alpha_composite(Image.new("RGBA", image.size, (*COLOR, 255)), rgba).convert("RGB")
        entries[path.name] = {"white": checksum(white), "color": checksum(np.array(color))}
    lines = ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in entries.items())
    table.write_text(f'{{"pillow":"{PIL.__version__}","color":{list(COLOR)},\n"files":{{\n{lines}\n}}}}\n')
    print(len(entries), "files")


if __name__ == "__main__":
    main()
