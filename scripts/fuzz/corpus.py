"""Pictures that are well, and what a stranger might make of them: all told by a seed."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

import pillow_heif
from PIL import Image, ImageCms

pillow_heif.register_heif_opener(thumbnails=False)

SIZE = (136, 168)  # small: what is looked for does not grow with it
HOSTILE_SIZES = (0, 1, 127, 7_999, 60_000, 2**16 - 1, 2**24 - 1, 2**31 - 1, 2**32 - 1)
PIXELS_OF_A_BOMB = (7_900, 8_100)  # a side: just within and just beyond what is decoded

Change = Callable[[random.Random, bytes], bytes]


@cache
def corpus() -> tuple[bytes, ...]:
    """One picture of each format that Pillow writes, those that are read in several variants."""
    image = Image.effect_mandelbrot(SIZE, (-2, -1, 1, 1), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera" * 20
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    wanted: list[tuple[str, Image.Image, dict[str, object]]] = [
        ("JPEG", image, {"exif": exif, "icc_profile": icc}),
        ("JPEG", image, {"progressive": True}),
        ("JPEG", image.convert("CMYK"), {}),
        ("PNG", image, {"exif": exif, "icc_profile": icc}),
        ("PNG", image.quantize(16), {}),
        ("PNG", image.convert("LA"), {}),
        ("WEBP", image, {"exif": exif, "icc_profile": icc}),
        ("WEBP", image.convert("RGBA"), {"lossless": True}),
        ("HEIF", image, {"exif": exif.tobytes()}),
        ("HEIF", image.convert("RGBA"), {}),
        *((kind, image, {}) for kind in ("GIF", "BMP", "TIFF", "PPM", "TGA", "JPEG2000", "ICO", "PCX", "SGI", "AVIF")),
    ]
    return tuple(_encoded(*each) for each in wanted)


def _encoded(kind: str, image: Image.Image, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def hostile(rng: random.Random) -> bytes:
    """One input: a picture of the corpus after one to four changes; rarely as it is, a bomb, or nothing but noise."""
    chance = rng.random()
    if chance < 0.02:
        return rng.randbytes(rng.randrange(2_000))
    if chance < 0.022:
        return bomb(rng)
    data = rng.choice(corpus())
    for _ in range(rng.randrange(5)):
        data = rng.choice(CHANGES)(rng, data)
    return data


def bomb(rng: random.Random) -> bytes:
    """A PNG of few bytes and very many pixels."""
    side = rng.choice(PIXELS_OF_A_BOMB)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((side + 1) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _somewhere(rng: random.Random, data: bytes) -> int:
    """More often near the start, where headers are."""
    return int(len(data) * rng.random() ** rng.choice([1, 4]))


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(rng.randrange(1, 16)):
        changed[min(_somewhere(rng, data), len(changed) - 1)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: _somewhere(rng, data)]


def _drop(rng: random.Random, data: bytes) -> bytes:
    start = _somewhere(rng, data)
    return data[:start] + data[start + rng.randrange(64) :]


def _insert(rng: random.Random, data: bytes) -> bytes:
    start = _somewhere(rng, data)
    return data[:start] + rng.randbytes(rng.randrange(64)) + data[start:]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start = _somewhere(rng, data)
    return data[:start] + data[start : start + rng.randrange(200)] * rng.randrange(2, 50) + data[start:]


def _splice(rng: random.Random, data: bytes) -> bytes:
    other = rng.choice(corpus())
    return data[: _somewhere(rng, data)] + other[_somewhere(rng, other) :]


def _lie(rng: random.Random, data: bytes) -> bytes:
    """Somewhere a number says another size; in a PNG, with a checksum that agrees."""
    size = rng.choice(HOSTILE_SIZES)
    if data.startswith(b"\x89PNG") and len(data) > 33:
        header = struct.pack(">II", size, rng.choice([size, SIZE[1]])) + data[24:29]
        return data[:8] + _chunk(b"IHDR", header) + data[33:]
    for mark, skip in ((b"ispe", 8), (b"\xff\xc0", 5), (b"\xff\xc2", 5), (b"VP8X", 12), (b"VP8 ", 14)):
        if (found := data.find(mark)) >= 0:
            start = found + skip
            return data[:start] + struct.pack(">I", size) + data[start + 4 :]
    start = _somewhere(rng, data)
    return data[:start] + struct.pack(rng.choice([">I", "<I"]), size) + data[start + 4 :]


def _spoil(rng: random.Random, data: bytes) -> bytes:
    """Garbage in EXIF, colour profile or a box of the container."""
    marks = [
        mark for mark in (b"Exif", b"ICC_PROFILE", b"iCCP", b"eXIf", b"EXIF", b"ICCP", b"meta", b"iloc") if mark in data
    ]
    if not marks:
        return _flip(rng, data)
    start = data.index(rng.choice(marks)) + rng.randrange(4, 24)
    garbage = rng.randbytes(rng.randrange(1, 40))
    return data[:start] + garbage + data[start + len(garbage) :]


def _disguise(rng: random.Random, data: bytes) -> bytes:
    """A file that is two at once, or one in the clothes of another."""
    first = rng.choice([b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\xffWEBP", b"\0\0\0\x18ftypheic"])
    last = rng.choice([b"PK\3\4" + bytes(40), b"<script>alert(1)</script>", b"%PDF-1.7\n", rng.choice(corpus())])
    return rng.choice([first + data, data + last, first + data[len(first) :]])


CHANGES: tuple[Change, ...] = (_flip, _cut, _drop, _insert, _repeat, _splice, _lie, _spoil, _disguise)
