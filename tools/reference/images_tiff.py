"""TIFF files of every kind and what Pillow makes of them: parity-tests/fixtures/image-formats/{tiff/,tiff.json}

Each entry holds the SHA-256 of the RGB bytes of transformers' `load_image`, or the error that Pillow raises.

    python tools/reference/images_tiff.py
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

import images
from images import draw
from images_decode import alpha, exif, rgb, samples, saved, write

OUT = images.OUT.parent / "image-formats"
FILES = OUT / "tiff"
H, W = 21, 27

SHORT, LONG, RATIONAL, LONG8 = 3, 4, 5, 16
FORMATS = {1: "B", SHORT: "H", LONG: "I", LONG8: "Q"}


def tiff(blocks, order="<", big=False, **tags):
    """Blocks are strips or tiles, already compressed; `tags` are t256=(type, values)."""
    tags = {int(k[1:]): v for k, v in tags.items()}
    head = (b"II" if order == "<" else b"MM") + (
        struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    places, counts = (324, 325) if 322 in tags else (273, 279)
    wide = LONG8 if big else LONG
    tags[places] = (wide, [0] * len(blocks))
    tags[counts] = (wide, [len(b) for b in blocks])
    entry, inline = (20, 8) if big else (12, 4)
    size = (8 if big else 2) + entry * len(tags) + (8 if big else 4)

    def packed(kind, values):
        if kind == RATIONAL:
            return b"".join(struct.pack(order + "II", round(v * 1000), 1000) for v in values)
        if isinstance(values, bytes):
            return values
        return struct.pack(order + f"{len(values)}{FORMATS[kind]}", *values)

    at = len(head) + size
    extra = {}
    for tag, (kind, values) in sorted(tags.items()):
        data = packed(kind, values)
        if len(data) > inline:
            extra[tag] = at
            at += len(data) + len(data) % 2
    starts = []
    for block in blocks:
        starts.append(at)
        at += len(block)
    tags[places] = (wide, starts)
    out = head + struct.pack(order + ("Q" if big else "H"), len(tags))
    for tag, (kind, values) in sorted(tags.items()):
        data = packed(kind, values)
        out += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, len(values))
        out += struct.pack(order + ("Q" if big else "I"), extra[tag]) if tag in extra else data.ljust(inline, b"\0")
    out += bytes(8 if big else 4)
    for tag, (kind, values) in sorted(tags.items()):
        if tag in extra:
            data = packed(kind, values)
            out += data + bytes(len(data) % 2)
    return out + b"".join(blocks)


def layout(bits, photo, compression=1, **more):
    bits = list(bits)
    return dict(t256=(SHORT, [W]), t257=(SHORT, [H]), t258=(SHORT, bits), t259=(SHORT, [compression]),
                t262=(SHORT, [photo]), t277=(SHORT, [len(bits)]), t278=(SHORT, [H])) | more


def typed(values, bits, order="<", kind="u"):
    return values.astype(f"{order}{kind}{bits // 8}").tobytes()


def packed(values, bits):
    """[H, W] integers of few bits, each row from a new byte."""
    planes = ((values[..., None] >> np.arange(bits)[::-1]) & 1).reshape(len(values), -1).astype("u1")
    return np.packbits(planes, axis=1).tobytes()


def reversed_bits(data):
    return np.packbits(np.unpackbits(np.frombuffer(data, "u1").reshape(-1, 1), axis=1)[:, ::-1], axis=1).tobytes()


def predicted(values):
    return np.concatenate([values[:, :1], values[:, 1:] - values[:, :-1]], 1)


def predicted_floats(values):
    planes = values.astype(">f4").view("u1").reshape(H, W, 4).transpose(0, 2, 1).reshape(H, -1).astype(int)
    return predicted(planes).astype("u1").tobytes()


GREY = draw("smooth", H, W, 3)[..., 0].astype(int)
COLOR = draw("smooth", H, W, 5).astype(int)
DEEP = samples(H, W, 4, 16, 7).astype(np.int64)
LOW = (GREY * 2 - 100).astype(np.int64)  # -100 to 410, where clipping shows
INKS = np.dstack([draw("smooth", H, W, 11), draw("smooth", H, W, 12)[..., :2]]).astype(int)
ALPHA = np.dstack([COLOR, draw("noise", H, W, 6)[..., 0]])
MULTIPLIED = np.dstack([COLOR * ALPHA[..., 3:] // 255, ALPHA[..., 3]])
EXTRA = lambda *values: dict(t338=(SHORT, list(values)))
PALETTE = (draw("noise", 1, 256, 4).reshape(-1, 3).T.astype(int) * 257)


def greys():
    for order, end in (("<", "ii"), (">", "mm")):
        for photo, name in ((0, "white"), (1, "black")):
            for bits in (1, 2, 4, 8):
                data = packed(GREY >> (8 - bits), bits)
                yield f"{name}{bits}-{end}", tiff([data], order, **layout([bits], photo))
                yield f"{name}{bits}-reversed-{end}", tiff([reversed_bits(data)], order, **layout([bits], photo, t266=(SHORT, [2])))
            yield f"{name}16-{end}", tiff([typed(DEEP[..., 0] >> 7, 16, order)], order, **layout([16], photo))
            for kind, code in (("i", 2), ("f", 3), ("u", 1)):
                values = LOW if kind != "f" else LOW + 0.75
                yield (f"{name}32{kind}-{end}",
                       tiff([typed(values, 32, order, kind)], order, **layout([32], photo, t339=(SHORT, [code]))))
        for bits in (8, 16):
            yield (f"signed{bits}-{end}",
                   tiff([typed(LOW, bits, order, "i")], order, **layout([bits], 1, t339=(SHORT, [2]))))
        yield f"black12-{end}", tiff([packed(LOW % 4096, 12)], order, **layout([12], 1))
        data = reversed_bits(typed(GREY, 16, order))
        yield f"black16-reversed-{end}", tiff([data], order, **layout([16], 1, t266=(SHORT, [2])))
    yield "float64", tiff([typed(LOW, 64, "<", "f")], **layout([64], 1, t339=(SHORT, [3])))
    yield "void8", tiff([typed(GREY, 8)], **layout([8], 1, t339=(SHORT, [4])))
    pair = np.dstack([GREY, ALPHA[..., 3]])
    for extra in (0, 1, 2):
        yield f"grey-extra{extra}", tiff([typed(pair, 8)], **layout([8, 8], 1, **EXTRA(extra)))
    yield "grey-extra-unnamed", tiff([typed(pair, 8)], **layout([8, 8], 1))


def colors():
    plain = typed(COLOR, 8)
    yield "rgb-mm", tiff([plain], ">", **layout([8] * 3, 2))
    yield "rgb-reversed", tiff([reversed_bits(plain)], **layout([8] * 3, 2, t266=(SHORT, [2])))
    yield "rgb-one-bits", tiff([plain], **(layout([8] * 3, 2) | dict(t258=(SHORT, [8]))))
    yield "rgb-formats", tiff([plain], **layout([8] * 3, 2, t339=(SHORT, [1, 1, 1])))
    yield "rgb-mixed-formats", tiff([plain], **layout([8] * 3, 2, t339=(SHORT, [1, 2, 1])))
    yield "rgb-signed", tiff([plain], **layout([8] * 3, 2, t339=(SHORT, [2, 2, 2])))
    yield "rgb-565", tiff([packed(GREY, 16)], **layout([5, 6, 5], 2))
    yield "rgb4", tiff([packed(COLOR.reshape(H, -1) >> 4, 4)], **layout([4] * 3, 2))
    yield "rgb32f", tiff([typed(COLOR / 255, 32, "<", "f")], **layout([32] * 3, 2, t339=(SHORT, [3] * 3)))
    for extra in (None, 0, 1, 2, 999):
        more = EXTRA(extra) if extra is not None else {}
        four = MULTIPLIED if extra == 1 else ALPHA
        yield f"rgb-extra-{extra}", tiff([typed(four, 8)], **layout([8] * 4, 2, **more))
        for order, end in (("<", "ii"), (">", "mm")):
            deep = four * 257 if extra == 1 else DEEP
            yield f"rgb16-extra-{extra}-{end}", tiff([typed(deep, 16, order)], order, **layout([16] * 4, 2, **more))
        five = np.dstack([four, GREY])
        if extra is not None:
            yield f"rgb-extra-{extra}-0", tiff([typed(five, 8)], **layout([8] * 5, 2, **EXTRA(extra, 0)))
            yield f"rgb-extra-{extra}-0-0", tiff([typed(np.dstack([five, GREY]), 8)], **layout([8] * 6, 2, **EXTRA(extra, 0, 0)))
    yield "rgb-extra-2-2", tiff([typed(np.dstack([ALPHA, GREY]), 8)], **layout([8] * 5, 2, **EXTRA(2, 2)))
    for order, end in (("<", "ii"), (">", "mm")):
        yield f"rgb16-{end}", tiff([typed(DEEP[..., :3], 16, order)], order, **layout([16] * 3, 2))
    for bits in (1, 2, 4, 8):
        index = GREY >> (8 - bits)
        colors = dict(t320=(SHORT, PALETTE[:, : 2**bits].reshape(-1).tolist()))
        yield f"palette{bits}", tiff([packed(index, bits)], **layout([bits], 3, **colors))
        yield f"palette{bits}-mm", tiff([packed(index, bits)], ">", **layout([bits], 3, **colors))
        yield f"palette{bits}-reversed", tiff([reversed_bits(packed(index, bits))], **layout([bits], 3, t266=(SHORT, [2]), **colors))
    for extra in (0, 2):
        yield f"palette-extra-{extra}", tiff([typed(np.dstack([GREY, GREY]), 8)], **layout([8, 8], 3, **colors, **EXTRA(extra)))
    yield "palette-none", tiff([typed(GREY, 8)], **layout([8], 3))
    yield "cmyk", tiff([typed(INKS[..., :4], 8)], **layout([8] * 4, 5))
    yield "cmyk-extra-0", tiff([typed(INKS, 8)], **layout([8] * 5, 5, **EXTRA(0)))
    yield "cmyk-extra-2", tiff([typed(INKS, 8)], **layout([8] * 5, 5, **EXTRA(2)))
    for order, end in (("<", "ii"), (">", "mm")):
        yield f"cmyk16-{end}", tiff([typed(DEEP, 16, order)], order, **layout([16] * 4, 5))
    yield "lab", tiff([plain], **layout([8] * 3, 8))
    yield "icclab", tiff([plain], **layout([8] * 3, 9))
    yield "mask", tiff([packed(GREY >> 7, 1)], **layout([1], 4))
    yield "cfa", tiff([typed(GREY, 8)], **layout([8], 32803))
    yield "no-photometric", tiff([typed(GREY, 8)], **{k: v for k, v in layout([8], 1).items() if k != "t262"})


def yccs():
    plain = typed(COLOR, 8)
    one, two = dict(t530=(SHORT, [1, 1])), dict(t530=(SHORT, [2, 2]))
    yield "ycc", tiff([plain], **layout([8] * 3, 6, **one))
    yield "ycc-unsaid", tiff([plain], **layout([8] * 3, 6))
    yield "ycc-grey", tiff([typed(GREY, 8)], **layout([8], 6))
    range_ = dict(t532=(RATIONAL, [16, 235, 128, 240, 128, 240]))
    luma = dict(t529=(RATIONAL, [0.2125, 0.7154, 0.0721]))
    yield "ycc-range", tiff([plain], **layout([8] * 3, 6, **one, **range_))
    yield "ycc-deflate", tiff([zlib.compress(plain)], **layout([8] * 3, 6, 8, **one))
    yield "ycc-deflate-range", tiff([zlib.compress(plain)], **layout([8] * 3, 6, 8, **one, **range_))
    yield "ycc-deflate-luma", tiff([zlib.compress(plain)], **layout([8] * 3, 6, 8, **one, **luma))
    planes = [zlib.compress(typed(COLOR[..., i], 8)) for i in range(3)]
    yield "ycc-deflate-planar", tiff(planes, **layout([8] * 3, 6, 8, t284=(SHORT, [2]), **one))
    yield "ycc-planar", tiff([typed(COLOR[..., i], 8) for i in range(3)], **layout([8] * 3, 6, t284=(SHORT, [2]), **one))
    for h, v in ((2, 2), (2, 1), (1, 2), (4, 1), (4, 4), (4, 2)):
        high, wide = -(-H // v) * v, -(-W // h) * h
        big = np.pad(COLOR, ((0, high - H), (0, wide - W), (0, 0)), "edge")
        lumas = big[..., 0].reshape(high // v, v, wide // h, h).transpose(0, 2, 1, 3).reshape(high // v, wide // h, -1)
        groups = np.dstack([lumas, big[::v, ::h, 1:]])
        yield f"ycc-deflate-{h}{v}", tiff([zlib.compress(typed(groups, 8))], **layout([8] * 3, 6, 8, t530=(SHORT, [h, v])))
        if (h, v) == (2, 2):
            yield "ycc-22", tiff([typed(groups, 8)], **layout([8] * 3, 6, **two))
            yield "ycc-deflate-unsaid", tiff([zlib.compress(typed(groups, 8))], **layout([8] * 3, 6, 8))
    for quality, sub in ((90, 0), (80, 2)):
        jpeg = saved(Image.fromarray(COLOR.astype("u1")), "JPEG", quality=quality, subsampling=sub)
        factors = dict(t530=(SHORT, [2, 2] if sub else [1, 1]))
        yield f"ycc-jpeg-{sub}", tiff([jpeg], **layout([8] * 3, 6, 7, **factors))


def codings():
    """What libtiff writes."""
    for name, image in (("rgb", rgb(H, W, 3)), ("grey", rgb(H, W).convert("L")), ("rgba", alpha(H, W)), ("cmyk", rgb(H, W).convert("CMYK")),
                        ("palette", rgb(H, W).quantize(50)), ("noise", rgb(H, W, 3, "noise")),
                        ("deep", Image.fromarray(samples(H, W, 1, 16, 3)[..., 0].astype("u2")))):
        for compression in ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"):
            yield f"{name}-{compression}", saved(image, "TIFF", compression=compression)
        if name not in ("palette", "noise"):
            yield f"{name}-lzw-predicted", saved(image, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    for name in ("rgb", "grey", "cmyk"):
        mode = {"rgb": "RGB", "grey": "L", "cmyk": "CMYK"}[name]
        yield f"{name}-jpeg", saved(rgb(40, 52, 4).convert(mode), "TIFF", compression="jpeg", quality=85)
    bilevel = rgb(60, 83, 2).convert("1")
    blocks = rgb(60, 83, 2, "blocks").convert("1", dither=0)
    wide = Image.new("1", (2700, 9), 1)
    wide.paste(0, (5, 2, 2690, 5))
    wide.paste(0, (0, 5, 2561, 7))
    for name, image in (("dithered", bilevel), ("blocks", blocks), ("wide", wide)):
        for compression in ("tiff_ccitt", "group3", "group4", "packbits", "tiff_lzw"):
            yield f"{name}-{compression}", saved(image, "TIFF", compression=compression)
        yield f"{name}-group3-2d", saved(image, "TIFF", compression="group3", tiffinfo={292: 1})
        yield f"{name}-group3-aligned", saved(image, "TIFF", compression="group3", tiffinfo={292: 4})
        yield f"{name}-black", saved(image, "TIFF", compression="group4", tiffinfo={262: 1})
    long = rgb(90, 200, 3, "noise")
    yield "long-lzw", saved(long, "TIFF", compression="tiff_lzw")
    for compression in ("zstd", "lzma"):
        yield f"rgb-{compression}", saved(rgb(H, W, 3), "TIFF", compression=compression)
    deflated = lambda data: zlib.compress(data)
    deep = DEEP[..., 0]
    for order, end in (("<", "ii"), (">", "mm")):
        data = typed(predicted(deep) % 65536, 16, order)
        yield f"predicted16-{end}", tiff([deflated(data)], order, **layout([16], 1, 8, t317=(SHORT, [2])))
        data = typed(predicted(DEEP[..., :3]) % 65536, 16, order)
        yield f"predicted16-rgb-{end}", tiff([deflated(data)], order, **layout([16] * 3, 2, 8, t317=(SHORT, [2])))
        data = typed(predicted(LOW) % 2**32, 32, order)
        yield f"predicted32-{end}", tiff([deflated(data)], order, **layout([32], 1, 8, t317=(SHORT, [2]), t339=(SHORT, [2])))
        yield f"predicted-float-{end}", tiff([deflated(predicted_floats(LOW + 0.75))], order,
                                             **layout([32], 1, 8, t317=(SHORT, [3]), t339=(SHORT, [3])))
        for kind, code in (("i", 2), ("f", 3), ("u", 1)):
            yield f"deflate32{kind}-{end}", tiff([deflated(typed(LOW, 32, order, kind))], order, **layout([32], 1, 8, t339=(SHORT, [code])))
        yield f"deflate16-white-{end}", tiff([deflated(typed(deep >> 7, 16, order))], order, **layout([16], 0, 8))
        yield f"deflate16-cmyk-{end}", tiff([deflated(typed(DEEP, 16, order))], order, **layout([16] * 4, 5, 8))
        yield f"deflate16-signed-{end}", tiff([deflated(typed(LOW, 16, order, "i"))], order, **layout([16], 1, 8, t339=(SHORT, [2])))
    yield "deflate12", tiff([deflated(packed(LOW % 4096, 12))], **layout([12], 1, 8))
    yield "predicted4", tiff([deflated(packed(GREY >> 4, 4))], **layout([4], 1, 8, t317=(SHORT, [2])))
    yield "deflate-reversed", tiff([reversed_bits(deflated(typed(GREY, 8)))], **layout([8], 1, 8, t266=(SHORT, [2])))
    yield "predictor-unused", tiff([typed(GREY, 8)], **layout([8], 1, 1, t317=(SHORT, [2])))


def layouts():
    for compression, pack in ((1, bytes), (8, zlib.compress)):
        name = "raw" if compression == 1 else "deflate"
        rows = lambda values, step=5: [pack(typed(values[y : y + step], 8)) for y in range(0, H, step)]
        tags = layout([8] * 3, 2, compression)
        yield f"strips-{name}", tiff(rows(COLOR), **(tags | dict(t278=(SHORT, [5]))))
        yield f"strips-short-{name}", tiff(rows(COLOR)[:-1], **(tags | dict(t278=(SHORT, [5]))))
        yield f"no-rows-{name}", tiff([pack(typed(COLOR, 8))], **{k: v for k, v in tags.items() if k != "t278"})
        padded = np.pad(COLOR, ((0, 32 - H), (0, 32 - W), (0, 0)))
        tiles = [pack(typed(padded[y : y + 16, x : x + 16], 8)) for y in (0, 16) for x in (0, 16)]
        size = dict(t322=(SHORT, [16]), t323=(SHORT, [16]))
        tiled = {k: v for k, v in tags.items() if k != "t278"} | size
        yield f"tiles-{name}", tiff(tiles, **tiled)
        yield f"big-{name}", tiff(rows(COLOR), big=True, **(tags | dict(t278=(SHORT, [5]))))
        yield f"big-mm-{name}", tiff(rows(COLOR), ">", big=True, **(tags | dict(t278=(SHORT, [5]))))
        yield f"big-tiles-{name}", tiff(tiles, big=True, **tiled)
        planar = dict(t284=(SHORT, [2]))
        planes = lambda values, step=H: [b for i in range(values.shape[2]) for b in rows(values[..., i], step)]
        yield f"planar-{name}", tiff(planes(COLOR), **(tags | planar))
        yield f"planar-strips-{name}", tiff(planes(COLOR, 5), **(tags | planar | dict(t278=(SHORT, [5]))))
        tiles = [pack(typed(padded[y : y + 16, x : x + 16, i], 8)) for i in range(3) for y in (0, 16) for x in (0, 16)]
        yield f"planar-tiles-{name}", tiff(tiles, **(tiled | planar))
        for extra in (0, 1, 2):
            four = MULTIPLIED if extra == 1 else ALPHA
            yield f"planar-extra-{extra}-{name}", tiff(planes(four), **layout([8] * 4, 2, compression, **planar, **EXTRA(extra)))
        yield f"planar-cmyk-{name}", tiff(planes(INKS[..., :4]), **layout([8] * 4, 5, compression, **planar))
        yield f"planar-grey-{name}", tiff(rows(GREY, H), **layout([8], 1, compression, **planar))
        yield f"planar-white-{name}", tiff(rows(GREY, H), **layout([8], 0, compression, **planar))
        tiles = [pack(typed(padded[y : y + 16, x : x + 16, 0], 8)) for y in (0, 16) for x in (0, 16)]
        yield f"planar-white-tiles-{name}", tiff(tiles, **({k: v for k, v in layout([8], 0, compression).items() if k != "t278"} | size | planar))
        turned = pack(typed(GREY, 8))
        yield f"planar-reversed-{name}", tiff([reversed_bits(turned)], **layout([8], 1, compression, t266=(SHORT, [2]), **planar))
        yield f"planar4-{name}", tiff([pack(packed(GREY >> 4, 4))], **layout([4], 1, compression, **planar))
        four = np.pad(ALPHA, ((0, 32 - H), (0, 32 - W), (0, 0)))
        yield f"planar-unnamed-{name}", tiff(planes(ALPHA), **layout([8] * 4, 2, compression, **planar))
        tiles = [pack(typed(four[y : y + 16, x : x + 16, i], 8)) for i in range(4) for y in (0, 16) for x in (0, 16)]
        yield f"planar-unnamed-tiles-{name}", tiff(tiles, **({k: v for k, v in layout([8] * 4, 2, compression).items() if k != "t278"} | size | planar))
        yield f"planar-predicted-{name}", tiff(planes(predicted(COLOR) % 256), **(tags | planar | dict(t317=(SHORT, [2]))))
        for order, end in (("<", "ii"), (">", "mm")):
            deep = [pack(typed(DEEP[..., i], 16, order)) for i in range(3)]
            yield f"planar16-{name}-{end}", tiff(deep, order, **layout([16] * 3, 2, compression, **planar))
        for o in (2, 5, 6, 9):
            yield f"oriented{o}-{name}", tiff([pack(typed(COLOR, 8))], **(tags | dict(t274=(SHORT, [o]))))
        whole = tiff(rows(COLOR), **(tags | dict(t278=(SHORT, [5]))))
        yield f"truncated-{name}", whole[:-20]
    yield "pages", saved(rgb(H, W), "TIFF", save_all=True, append_images=[rgb(33, 47)])


def damage():
    """Bytes changed in compressed pixels: Pillow refuses what libtiff notices."""
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "group4"):
        mode = "1" if compression == "group4" else "RGB"
        whole = saved(rgb(60, 70, 3, "noise").convert(mode), "TIFF", compression=compression)
        start = 8 if whole[4:8] != b"\x08\0\0\0" else len(whole) // 2
        for i, at in enumerate((start + 30, start + len(whole) // 4, len(whole) // 2)):
            for flip in (1, 255):
                yield f"damaged-{compression}-{i}-{flip}", whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]


def main():
    families = (greys, colors, yccs, codings, layouts, damage)
    write(OUT / "tiff.json", FILES, ((f"{name}.tif", data) for family in families for name, data in family()))


if __name__ == "__main__":
    main()
