"""Files whose orientation only XMP or a PNG's text tells, animations of AVIF, and what Pillow makes of them:
parity-tests/fixtures/image-formats/{files/,formats.json}

    python tools/reference/images_formats.py
"""

import struct
import zlib

from PIL import Image

import images
from images_decode import PROFILE, alpha, chunk, exif, png, rgb, samples, saved, write

OUT = images.OUT.parent / "image-formats"
FILES = OUT / "files"
H, W = 21, 30

PACKET = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{}</rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
attribute = lambda value: PACKET.format(f' tiff:Orientation="{value}"/>').encode()
element = lambda value: PACKET.format(f"><tiff:Orientation>{value}</tiff:Orientation></rdf:Description>").encode()


def segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpegs():
    for o in range(0, 10):
        yield f"xmp{o}.jpg", saved(rgb(H, W, o), "JPEG", xmp=attribute(o))
    yield "xmp-element.jpg", saved(rgb(H, W), "JPEG", xmp=element(6))
    yield "xmp-single-quotes.jpg", saved(rgb(H, W), "JPEG", xmp=attribute(6).replace(b'"6"', b"'6'"))
    yield "xmp-spaces.jpg", saved(rgb(H, W), "JPEG", xmp=attribute(6).replace(b'="6"', b' = "6"'))
    yield "xmp-two-digits.jpg", saved(rgb(H, W), "JPEG", xmp=attribute(61))
    yield "xmp-none.jpg", saved(rgb(H, W), "JPEG", xmp=PACKET.format("/>").encode())
    yield "xmp-grey.jpg", saved(rgb(H, W).convert("L"), "JPEG", xmp=attribute(8))
    yield "xmp-cmyk.jpg", saved(rgb(H, W).convert("CMYK"), "JPEG", xmp=attribute(5))
    yield "xmp-progressive.jpg", saved(rgb(H, W), "JPEG", xmp=attribute(7), progressive=True, subsampling=2)
    yield "xmp-icc.jpg", saved(rgb(H, W), "JPEG", xmp=attribute(7), icc_profile=PROFILE)
    for e, x in ((1, 6), (3, 6), (9, 6), (6, 1)):
        yield f"exif{e}-xmp{x}.jpg", saved(rgb(H, W), "JPEG", exif=exif(e), xmp=attribute(x))
    other = Image.Exif()
    other[0x131] = "software"
    yield "exif-without-xmp8.jpg", saved(rgb(H, W), "JPEG", exif=other, xmp=attribute(8))
    plain = saved(rgb(H, W), "JPEG")
    packet = lambda data: segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + data)
    yield "xmp-twice.jpg", plain[:2] + packet(attribute(3)) + packet(attribute(6)) + plain[2:]
    extension = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + attribute(6))
    yield "xmp-extension.jpg", plain[:2] + extension + plain[2:]
    yield "xmp-late.jpg", plain[:-2] + packet(attribute(6)) + plain[-2:]
    whole = exif(6).tobytes()
    parts = segment(0xE1, whole[:20]) + segment(0xE1, b"Exif\0\0" + whole[20:])
    yield "exif-in-parts.jpg", plain[:2] + parts + plain[2:]
    big = b"Exif\0\0MM\0*" + struct.pack(">IHHHIII", 8, 1, 0x112, 4, 1, 6, 0)
    yield "exif-long.jpg", plain[:2] + segment(0xE1, big) + plain[2:]
    yield "exif-long-xmp.jpg", plain[:2] + segment(0xE1, big) + packet(attribute(3)) + plain[2:]


def profile(orientation, newline="\n"):
    data = exif(orientation).tobytes()
    lines = [data.hex()[i : i + 72] for i in range(0, len(data) * 2, 72)]
    return (newline + "exif" + newline + f"{len(data):8}" + newline + newline.join(lines) + newline).encode()


def pngs():
    grey16 = lambda extra: png(samples(H, W, 1, 16, 2), 16, 0, False, extra)
    color = lambda extra: png(samples(H, W, 3, 8, 2), 8, 2, False, extra)
    itxt = lambda packet: chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    packed = lambda packet: chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0XMP\0" + zlib.compress(packet))
    text = lambda key, value: chunk(b"tEXt", key + b"\0" + value)
    ztxt = lambda key, value: chunk(b"zTXt", key + b"\0\0" + zlib.compress(value))
    raw = b"Raw profile type exif"
    for o in range(2, 9):
        yield f"xmp{o}.png", color(itxt(attribute(o)))
        yield f"profile{o}.png", color(ztxt(raw, profile(o)))
    yield "xmp-packed.png", color(packed(element(6)))
    yield "xmp-broken.png", color(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(element(6))[:-40] + bytes(20)))
    yield "xmp-text.png", color(text(b"XML:com.adobe.xmp", attribute(6)))
    yield "xmp-ztext.png", color(ztxt(b"XML:com.adobe.xmp", attribute(6)))
    yield "profile-text.png", color(text(raw, profile(6)))
    yield "profile-itxt.png", color(chunk(b"iTXt", raw + b"\0\0\0\0\0" + profile(6)))
    yield "profile-app1.png", color(ztxt(b"Raw profile type APP1", profile(6)))
    yield "profile1-xmp6.png", color(ztxt(raw, profile(1)) + itxt(attribute(6)))
    yield "exif1-xmp6.png", color(chunk(b"eXIf", exif(1).tobytes()[6:]) + itxt(attribute(6)))
    yield "exif6-profile3.png", color(chunk(b"eXIf", exif(6).tobytes()[6:]) + ztxt(raw, profile(3)))
    yield "exif-prefixed.png", color(chunk(b"eXIf", exif(6).tobytes()))
    yield "xmp-grey16.png", grey16(itxt(attribute(6)))
    yield "profile-grey16.png", grey16(ztxt(raw, profile(5)))
    plain = color(b"")
    for name, extra in (("xmp", itxt(attribute(6))), ("profile", ztxt(raw, profile(6))), ("exif", chunk(b"eXIf", exif(6).tobytes()[6:]))):
        yield f"{name}-late.png", plain[:-12] + extra + plain[-12:]
    yield "xmp-alpha.png", png(samples(H, W, 4, 8, 2), 8, 6, False, itxt(attribute(6)))


def webps():
    for o in range(2, 9):
        yield f"xmp{o}.webp", saved(rgb(H, W, o), "WEBP", lossless=True, xmp=attribute(o))
    yield "xmp-element.webp", saved(alpha(H, W), "WEBP", lossless=True, exact=True, xmp=element(6))
    yield "exif1-xmp6.webp", saved(rgb(H, W), "WEBP", lossless=True, exif=exif(1), xmp=attribute(6))
    yield "exif3-xmp6.webp", saved(rgb(H, W), "WEBP", lossless=True, exif=exif(3), xmp=attribute(6))
    yield "xmp-lossy.webp", saved(rgb(H, W), "WEBP", xmp=attribute(6))
    yield "xmp-animated.webp", saved(rgb(H, W), "WEBP", save_all=True, append_images=[rgb(H, W, 9)], lossless=True, xmp=attribute(6))


def tiffs():
    yield "xmp6.tif", saved(rgb(H, W), "TIFF", tiffinfo={700: attribute(6)})
    yield "xmp6-oriented1.tif", saved(rgb(H, W), "TIFF", tiffinfo={700: attribute(6), 274: 1})
    yield "xmp6-oriented3.tif", saved(rgb(H, W), "TIFF", tiffinfo={700: attribute(6), 274: 3})


def avifs():
    whole = dict(quality=90, subsampling="4:4:4", speed=6, max_threads=1)
    for o in (2, 5, 6, 8):
        yield f"xmp{o}.avif", saved(rgb(32, 48, o), "AVIF", xmp=attribute(o), **whole)
    yield "exif6-xmp3.avif", saved(rgb(32, 48), "AVIF", exif=exif(6), xmp=attribute(3), **whole)
    yield "exif1-xmp6.avif", saved(rgb(32, 48), "AVIF", exif=exif(1), xmp=attribute(6), **whole)
    yield "exif7.avif", saved(rgb(32, 48), "AVIF", exif=exif(7), **whole)
    frames = [rgb(32, 48, s) for s in (5, 6)]
    yield "animated.avif", saved(rgb(32, 48), "AVIF", save_all=True, append_images=frames, duration=100, **whole)
    yield "animated-alpha.avif", saved(alpha(32, 48), "AVIF", save_all=True, append_images=[alpha(32, 48, 5)], **whole)
    yield "animated-xmp6.avif", saved(rgb(32, 48), "AVIF", save_all=True, append_images=frames, xmp=attribute(6), **whole)


def main():
    write(OUT / "formats.json", FILES, (file for family in (jpegs, pngs, webps, tiffs, avifs) for file in family()))


if __name__ == "__main__":
    main()
