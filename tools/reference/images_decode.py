"""Image files of every kind and what Pillow makes of them: parity-tests/fixtures/images/{files/,decoding.json}

Each entry holds the SHA-256 of the RGB bytes of transformers' `load_image`, or the error that Pillow raises.

    python tools/reference/images_decode.py
"""

import base64
import hashlib
import io
import itertools
import json
import struct
import zlib

import numpy as np
import PIL
from PIL import Image, ImageCms, ImageOps

from images import OUT, draw

FILES = OUT / "files"
rgb = lambda h, w, seed=1, kind="smooth": Image.fromarray(draw(kind, h, w, seed))
alpha = lambda h, w, seed=1: Image.fromarray(
    np.dstack([draw("smooth", h, w, seed), draw("noise", h, w, seed + 1)[..., 0]]))
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
PROFILE = PROFILE[:24] + bytes(12) + PROFILE[36:84] + bytes(16) + PROFILE[100:]  # no date, no checksum


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[0x112] = orientation
    return tags


# --- PNG of any depth, which Pillow itself cannot write --------------------------------------------------------------
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples, depth, color, interlace=False, extra=b"", filters=True):
    """samples: [H, W, C] integers of `depth` bits."""
    height, width, channels = samples.shape

    def lines(part):
        rows, previous = [], None
        bpp = max(1, channels * depth // 8)
        for y, row in enumerate(part):
            if depth == 16:
                raw = row.reshape(-1).astype(">u2").tobytes()
            elif depth == 8:
                raw = row.reshape(-1).astype("u1").tobytes()
            else:
                bits = ((row.reshape(-1, 1) >> np.arange(depth)[::-1]) & 1).reshape(-1)
                raw = np.packbits(bits.astype("u1")).tobytes()
            now = np.frombuffer(raw, "u1").astype(int)
            up = previous if previous is not None else np.zeros_like(now)
            left = np.concatenate([np.zeros(min(bpp, len(now)), int), now[:-bpp]])[: len(now)]
            corner = np.concatenate([np.zeros(min(bpp, len(now)), int), up[:-bpp]])[: len(now)]
            kind = y % 5 if filters else 0
            p = left + up - corner
            pa, pb, pc = abs(p - left), abs(p - up), abs(p - corner)
            paeth = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, up, corner))
            base = [0, left, up, (left + up) // 2, paeth][kind]
            rows.append(bytes([kind]) + ((now - base) % 256).astype("u1").tobytes())
            previous = now
        return b"".join(rows)

    if interlace:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        data = b"".join(lines(samples[y::dy, x::dx]) for y, x, dy, dx in passes if samples[y::dy, x::dx].size)
    else:
        data = lines(samples)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlace))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def samples(h, w, channels, depth, seed):
    parts = [draw("smooth", h, w, seed + i).astype(int) * 257 + draw("noise", h, w, seed + 9 + i) for i in range(2)]
    return np.concatenate(parts, 2)[..., :channels] % 65536 >> (16 - depth)


# --- BMP ------------------------------------------------------------------------------------------------------------
def bmp(h, w, bits, body, palette=b"", compression=0, masks=b"", top_down=False, size=40, colors=0):
    header = struct.pack("<IiiHHIIiiII", size, w, -h if top_down else h, 1, bits, compression, len(body), 0, 0, colors, 0)
    if size > 40:
        header += masks.ljust(size - 40, b"\0")
        masks = b""
    offset = 14 + size + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + header + masks + palette + body


def rows(values, bits):
    """[H, W] integers, bottom row first, padded to four bytes."""
    out = []
    for row in values[::-1]:
        if bits < 8:
            raw = np.packbits(((row.reshape(-1, 1) >> np.arange(bits)[::-1]) & 1).reshape(-1).astype("u1")).tobytes()
        else:
            raw = row.astype({8: "u1", 16: "<u2", 32: "<u4"}[bits]).tobytes()
        out.append(raw + b"\0" * (-len(raw) % 4))
    return b"".join(out)


def rle8(values):
    out = b""
    for row in values[::-1]:
        for value, group in itertools.groupby(row.tolist()):
            n = len(list(group))
            while n:
                out += bytes([min(n, 255), value])
                n -= min(n, 255)
        out += b"\0\0"
    return out + b"\0\1"


# --- the files ------------------------------------------------------------------------------------------------------
def jpegs():
    for h, w in ((1, 1), (7, 9), (16, 16), (33, 47), (64, 65), (120, 90)):
        for sub in (0, 1, 2):
            yield f"sub{sub}-{h}x{w}.jpg", saved(rgb(h, w, h + sub), "JPEG", subsampling=sub, quality=80)
        yield f"prog-{h}x{w}.jpg", saved(rgb(h, w, h), "JPEG", progressive=True, quality=85)
        yield f"grey-{h}x{w}.jpg", saved(rgb(h, w, h).convert("L"), "JPEG", quality=75)
        yield f"cmyk-{h}x{w}.jpg", saved(rgb(h, w, h).convert("CMYK"), "JPEG", quality=90)
    yield "cmyk-noise.jpg", saved(Image.merge("CMYK", [Image.fromarray(draw("smooth", 40, 50, i)[..., 0]) for i in range(4)]),
                                  "JPEG", quality=95)
    yield "cmyk-prog.jpg", saved(rgb(40, 50).convert("CMYK"), "JPEG", progressive=True)
    yield "cmyk-sub.jpg", saved(rgb(41, 51).convert("CMYK"), "JPEG", subsampling=2)
    inks = saved(rgb(41, 51, 3).convert("CMYK"), "JPEG", quality=90)
    adobe = inks.index(b"\xff\xee")
    yield "cmyk-ycck.jpg", inks[: adobe + 15] + b"\2" + inks[adobe + 16 :]
    yield "cmyk-unmarked.jpg", inks[:adobe] + inks[adobe + 16 :]
    for quality in (1, 30, 100):
        yield f"q{quality}.jpg", saved(rgb(50, 61, quality, "blocks"), "JPEG", quality=quality)
    yield "411.jpg", saved(rgb(45, 77), "JPEG", subsampling="4:1:1")
    yield "prog-grey.jpg", saved(rgb(45, 77).convert("L"), "JPEG", progressive=True)
    yield "prog-422.jpg", saved(rgb(45, 77), "JPEG", progressive=True, subsampling=1)
    yield "restart.jpg", saved(rgb(60, 70), "JPEG", restart_marker_blocks=3)
    yield "restart-rows.jpg", saved(rgb(60, 70), "JPEG", restart_marker_rows=1, progressive=True)
    yield "optimized.jpg", saved(rgb(60, 70, 3, "noise"), "JPEG", optimize=True)
    yield "rgb-kept.jpg", saved(rgb(60, 70), "JPEG", keep_rgb=True)
    yield "icc.jpg", saved(rgb(30, 40), "JPEG", icc_profile=PROFILE)
    yield "comment.jpg", saved(rgb(30, 40), "JPEG", comment=b"a comment", dpi=(300, 300))
    for o in range(1, 9):
        yield f"exif{o}.jpg", saved(rgb(37, 53, o), "JPEG", exif=exif(o), quality=90)
    yield "exif6-cmyk.jpg", saved(rgb(37, 53).convert("CMYK"), "JPEG", exif=exif(6))
    yield "exif9.jpg", saved(rgb(37, 53), "JPEG", exif=exif(9))
    whole = saved(rgb(60, 70), "JPEG")
    yield "truncated.jpg", whole[: len(whole) // 2]
    yield "truncated-header.jpg", whole[:100]
    yield "no-eoi.jpg", whole[:-2]
    yield "trailing.jpg", whole + b"some more bytes"
    yield "scan-damaged.jpg", whole[:700] + bytes(40) + whole[740:]


def pngs():
    for color, channels, depths in ((0, 1, (1, 2, 4, 8, 16)), (2, 3, (8, 16)), (4, 2, (8, 16)), (6, 4, (8, 16))):
        for depth in depths:
            for interlace in (False, True):
                name = f"c{color}d{depth}{'i' if interlace else ''}.png"
                yield name, png(samples(29, 37, channels, depth, depth), depth, color, interlace)
    palette = draw("noise", 1, 256, 4).reshape(-1, 3)
    for depth in (1, 2, 4, 8):
        extra = chunk(b"PLTE", palette[: 2**depth].tobytes())
        for interlace in (False, True):
            yield f"c3d{depth}{'i' if interlace else ''}.png", png(samples(31, 27, 1, depth, 3), depth, 3, interlace, extra)
        yield f"c3d{depth}-trns.png", png(samples(31, 27, 1, depth, 3), depth, 3, False, extra + chunk(b"tRNS", b"\0\x80"))
    yield "trns-grey.png", png(samples(21, 20, 1, 8, 2), 8, 0, False, chunk(b"tRNS", b"\0\x40"))
    yield "trns-grey16.png", png(samples(21, 20, 1, 16, 2), 16, 0, False, chunk(b"tRNS", b"\0\x40"))
    yield "trns-rgb.png", png(samples(21, 20, 3, 8, 2), 8, 2, False, chunk(b"tRNS", struct.pack(">HHH", 3, 4, 5)))
    yield "grey16-low.png", png(samples(21, 20, 1, 8, 2), 16, 0)
    yield "gamma.png", png(samples(21, 20, 3, 8, 2), 8, 2, False, chunk(b"gAMA", struct.pack(">I", 100000)))
    yield "srgb.png", png(samples(21, 20, 3, 8, 2), 8, 2, False, chunk(b"sRGB", b"\0") + chunk(b"gAMA", struct.pack(">I", 45455)))
    yield "icc.png", saved(rgb(30, 40), "PNG", icc_profile=PROFILE)
    yield "1x1.png", saved(rgb(1, 1), "PNG")
    yield "noise.png", saved(rgb(50, 60, 1, "noise"), "PNG")
    yield "mode1.png", saved(rgb(50, 60).convert("1"), "PNG")
    yield "modeP.png", saved(rgb(50, 60).convert("P"), "PNG")
    yield "modeI16.png", saved(Image.fromarray(samples(30, 40, 1, 16, 3)[..., 0].astype("u2")), "PNG")
    yield "clear.png", saved(Image.merge("RGBA", [*rgb(20, 30).split(), Image.new("L", (30, 20), 0)]), "PNG")
    for o in (3, 6, 8):
        yield f"exif{o}.png", saved(rgb(20, 33, o), "PNG", exif=exif(o))
    yield "exif6-grey16.png", saved(Image.fromarray(samples(20, 33, 1, 16, 3)[..., 0].astype("u2")), "PNG", exif=exif(6))
    yield "animated.png", saved(rgb(20, 30), "PNG", save_all=True, append_images=[rgb(20, 30, 9)])
    whole = saved(rgb(60, 70, 1, "noise"), "PNG")
    yield "truncated.png", whole[: len(whole) // 2]
    yield "truncated-grey16.png", png(samples(21, 20, 1, 16, 2), 16, 0)[:300]
    yield "crc.png", whole[:200] + bytes([whole[200] ^ 255]) + whole[201:]


def webps():
    for h, w in ((1, 1), (7, 9), (33, 47), (120, 90)):
        yield f"lossy-{h}x{w}.webp", saved(rgb(h, w, h), "WEBP", quality=80)
        yield f"lossless-{h}x{w}.webp", saved(rgb(h, w, h), "WEBP", lossless=True)
        yield f"alpha-{h}x{w}.webp", saved(alpha(h, w, h), "WEBP", lossless=True, exact=True)
    yield "lossy-alpha.webp", saved(alpha(40, 50), "WEBP", quality=70)
    yield "animated.webp", saved(rgb(40, 50), "WEBP", save_all=True, append_images=[rgb(40, 50, 9)], lossless=True)
    for o in (2, 5, 6):
        yield f"exif{o}.webp", saved(rgb(20, 33, o), "WEBP", exif=exif(o), lossless=True)
    yield "icc.webp", saved(rgb(20, 33), "WEBP", icc_profile=PROFILE)
    whole = saved(rgb(60, 70), "WEBP")
    yield "truncated.webp", whole[: len(whole) // 2]


def gifs():
    for h, w in ((1, 1), (7, 9), (33, 47), (120, 90)):
        yield f"opaque-{h}x{w}.gif", saved(rgb(h, w, h).convert("P", palette=1), "GIF", interlace=0)
        yield f"interlaced-{h}x{w}.gif", saved(rgb(h, w, h).convert("P", palette=1), "GIF", interlace=1)
    yield "grey.gif", saved(rgb(33, 47).convert("L"), "GIF")
    yield "web.gif", saved(rgb(33, 47, 2, "noise").convert("P"), "GIF")
    yield "two.gif", saved(rgb(33, 47).convert("1"), "GIF")
    clear = rgb(33, 47).quantize(31)
    clear.info["transparency"] = 7
    yield "transparent.gif", saved(clear, "GIF", transparency=7)
    yield "rgba.gif", saved(alpha(30, 41), "GIF")
    yield "animated.gif", saved(rgb(33, 47), "GIF", save_all=True, append_images=[rgb(33, 47, s) for s in (5, 6)], loop=0)
    yield "animated-rgba.gif", saved(alpha(33, 47), "GIF", save_all=True, append_images=[alpha(33, 47, 5)], disposal=2)
    # a frame smaller than the screen, with and without a transparent colour, and one that is larger
    body = saved(rgb(10, 12).quantize(16), "GIF")
    start = body.index(b",", 13 + 48)
    for name, screen, place, control in (
        ("offset.gif", (30, 20), (5, 4), b""),
        ("offset-transparent.gif", (30, 20), (5, 4), b"!\xf9\x04\x01\0\0\x03\0"),
        ("beyond.gif", (9, 9), (3, 2), b""),
    ):
        yield name, (body[:6] + struct.pack("<HH", *screen) + body[10:13 + 48] + control + b"," +
                     struct.pack("<HH", *place) + body[start + 5:])
    yield "truncated.gif", saved(rgb(60, 70).convert("P"), "GIF")[:1500]
    yield "no-picture.gif", body[: 13 + 48] + b";"


def bmps():
    for h, w in ((1, 1), (7, 9), (33, 47)):
        yield f"24-{h}x{w}.bmp", saved(rgb(h, w, h), "BMP")
    yield "8.bmp", saved(rgb(33, 47).quantize(200), "BMP")
    yield "grey.bmp", saved(rgb(33, 47).convert("L"), "BMP")
    yield "1.bmp", saved(rgb(33, 47).convert("1"), "BMP")
    yield "rgba.bmp", saved(alpha(33, 47), "BMP")
    palette = np.pad(draw("noise", 1, 256, 4).reshape(-1, 3), ((0, 0), (0, 1)))
    index = draw("blocks", 21, 35, 5)[..., 0].astype(int)
    yield "4.bmp", bmp(21, 35, 4, rows(index % 16, 4), palette[:16].tobytes())
    yield "1-palette.bmp", bmp(21, 35, 1, rows(index % 2, 1), palette[:2].tobytes())
    yield "8-short.bmp", bmp(21, 35, 8, rows(index % 20, 8), palette[:20].tobytes(), colors=20)
    yield "rle8.bmp", bmp(21, 35, 8, rle8(index), palette.tobytes(), compression=1)
    word = samples(21, 35, 1, 16, 2)[..., 0]
    yield "555.bmp", bmp(21, 35, 16, rows(word, 16))
    yield "565.bmp", bmp(21, 35, 16, rows(word, 16), compression=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    wide = (word.astype(np.int64) << 16) | word[::-1]
    yield "32.bmp", bmp(21, 35, 32, rows(wide, 32))
    yield "32-down.bmp", bmp(21, 35, 32, rows(wide, 32), top_down=True)
    for i, masks in enumerate(((0xFF0000, 0xFF00, 0xFF, 0), (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
                               (0xFF000000, 0xFF0000, 0xFF00, 0xFF))):
        yield f"32-masks{i}.bmp", bmp(21, 35, 32, rows(wide, 32), compression=3, masks=struct.pack("<IIII", *masks), size=56)
    whole = saved(rgb(30, 30), "BMP")
    yield "truncated.bmp", whole[:2000]


def tiffs():
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield f"{compression}.tif", saved(rgb(33, 47), "TIFF", compression=compression)
    yield "grey.tif", saved(rgb(33, 47).convert("L"), "TIFF")
    yield "rgba.tif", saved(alpha(33, 47), "TIFF")
    yield "palette.tif", saved(rgb(33, 47).quantize(50), "TIFF")
    yield "one.tif", saved(rgb(33, 47).convert("1"), "TIFF", compression="group4")
    yield "jpeg.tif", saved(rgb(33, 47), "TIFF", compression="jpeg")
    yield "cmyk.tif", saved(rgb(33, 47).convert("CMYK"), "TIFF")
    yield "grey16.tif", saved(Image.fromarray(samples(30, 40, 1, 16, 3)[..., 0].astype("u2")), "TIFF")
    yield "pages.tif", saved(rgb(20, 30), "TIFF", save_all=True, append_images=[rgb(33, 47)])
    yield "exif6.tif", saved(rgb(20, 33), "TIFF", exif=exif(6))
    whole = saved(rgb(33, 47), "TIFF", compression="tiff_lzw")
    yield "truncated.tif", whole[: len(whole) // 2]


def others():
    for h, w in ((32, 48), (33, 47), (90, 120)):
        yield f"lossy-{h}x{w}.avif", saved(rgb(h, w, h), "AVIF", quality=80)
        yield f"444-{h}x{w}.avif", saved(rgb(h, w, h), "AVIF", quality=90, subsampling="4:4:4")
    yield "lossless.avif", saved(rgb(40, 50), "AVIF", quality=100, subsampling="4:4:4")
    yield "alpha.avif", saved(alpha(40, 50), "AVIF", quality=80)
    yield "exif6.avif", saved(rgb(40, 50), "AVIF", exif=exif(6))
    yield "fake.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
    yield "page.jpg", b"<!DOCTYPE html><html><body>Not found</body></html>"
    yield "text.png", b"This is no picture."
    yield "empty.png", b""


def expectation(data, is_avif):
    try:
        image = Image.open(io.BytesIO(data))
        image = ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:
        return {"error": type(error).__name__}
    expected = {"width": image.width, "height": image.height, "sha256": hashlib.sha256(image.tobytes()).hexdigest()[:24]}
    if is_avif and image.width < 100:  # decoders differ by rounding: the test says by how much
        expected["rgb"] = base64.b64encode(image.tobytes()).decode()
    return expected


def write(table, folder, files, keeps=".avif", by=PIL.__version__):
    """Files (name, bytes) into `folder`, and what Pillow makes of them into `table`; with the pixels of small ones that end in `keeps`."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    entries = {}
    for name, data in files:
        entries[name] = expectation(data, name.endswith(keeps))
        (folder / name).write_bytes(data)
    lines = ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in entries.items())
    table.write_text(f'{{"pillow":"{by}",\n"files":{{\n{lines}\n}}}}\n')
    total = sum(f.stat().st_size for f in folder.iterdir())
    print(len(entries), "files,", [name for name, entry in entries.items() if "error" in entry], "errors,", total, "bytes")


def main():
    write(OUT / "decoding.json", FILES, (file for family in (jpegs, pngs, webps, gifs, bmps, tiffs, others) for file in family()))


if __name__ == "__main__":
    main()
