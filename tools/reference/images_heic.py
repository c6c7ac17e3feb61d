"""HEIC files and what pillow-heif makes of them: parity-tests/fixtures/image-formats/{heic/,heic.json}

    python tools/reference/images_heic.py
"""

import io

import pillow_heif
from PIL import Image

import images
from images_decode import alpha, exif, rgb, write
from images_formats import attribute

pillow_heif.register_heif_opener()
OUT = images.OUT.parent / "image-formats"
FILES = OUT / "heic"


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, "HEIF", **options)
    return out.getvalue()


def heics():
    lossless = dict(quality=-1, chroma=444, matrix_coefficients=0)
    yield "lossless", saved(rgb(48, 64), **lossless)
    yield "lossless-odd", saved(rgb(47, 65, 3, "noise"), **lossless)
    yield "lossless-alpha", saved(alpha(48, 64), **lossless)
    for o in (3, 6):
        yield f"lossless-exif{o}", saved(rgb(47, 65), exif=exif(o), **lossless)
    yield "lossless-xmp6", saved(rgb(47, 65), xmp=attribute(6), **lossless)
    yield "lossless-second", saved(rgb(48, 64), save_all=True, append_images=[rgb(40, 56, 9)], primary_index=1, **lossless)
    yield "444", saved(rgb(48, 64), chroma=444)
    yield "420", saved(rgb(48, 64), chroma=420)
    yield "422", saved(rgb(48, 64), chroma=422)
    yield "odd", saved(rgb(47, 65), chroma=420)
    yield "low", saved(rgb(48, 64, 4), quality=20)
    yield "grey", saved(rgb(48, 64).convert("L"))
    yield "alpha", saved(alpha(48, 64))
    pillow_heif.options.GRID_TILE_SIZE = 32
    yield "lossless-grid", saved(rgb(80, 96), **lossless)
    pillow_heif.options.GRID_TILE_SIZE = 0
    whole = saved(rgb(48, 64))
    yield "truncated", whole[:-100]
    yield "truncated-header", whole[:200]


def main():
    files = ((f"{name}.heic", data) for name, data in heics())
    write(OUT / "heic.json", FILES, files, keeps=".heic", by=f"pillow-heif {pillow_heif.__version__}")


if __name__ == "__main__":
    main()
