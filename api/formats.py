"""What kind of picture some bytes are: told by the bytes alone, never by a name or header."""

from __future__ import annotations

import struct

from api.errors import BadPhoto

WANTED = "Please upload a JPEG, PNG, WebP or HEIC photograph."

# A handful is normal. Beyond these a small file can keep a decoder busy for minutes.
MOST_JPEG_SCANS = 64
MOST_JPEG_SEGMENTS = 1000
MOST_PNG_CHUNKS = 20_000

HEVC_BRANDS = {b"heic", b"heix", b"heim", b"heis"}
HEIF_BRANDS = HEVC_BRANDS | {b"mif1", b"msf1", b"heif"}
AVIF_BRANDS = {b"avif", b"avis"}  # the same container around another codec

# Beginnings of files that people do try, so that the sentence can name them.
OTHERS = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\0": "a TIFF or raw file",
    b"MM\0*": "a TIFF or raw file",
    b"%PDF": "a PDF",
    b"PK\3\4": "an archive",
    b"<svg": "an SVG drawing",
    b"<?xm": "an SVG drawing",
}


def recognise(data: bytes) -> str:
    """Pillow's name of the format: JPEG, PNG, WEBP or HEIF.

    Raises:
        BadPhoto: it is none of these, or built to keep a decoder busy.
    """
    if not data:
        raise BadPhoto(f"This file is empty. {WANTED}")
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _heif(data)
    raise BadPhoto(f"This file is {_other(data)}. {WANTED}")


def _other(data: bytes) -> str:
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    return next((name for prefix, name in OTHERS.items() if start.startswith(prefix)), "not a picture we can read")


def _heif(data: bytes) -> str:
    length = min(max(struct.unpack(">I", data[:4])[0], 16), 256)
    brands = {data[offset : offset + 4] for offset in (8, *range(16, length, 4))}
    if data[8:12] in AVIF_BRANDS or (brands & AVIF_BRANDS and not brands & HEVC_BRANDS):
        raise BadPhoto(f"This file is an AVIF. {WANTED}")
    if not brands & HEIF_BRANDS:
        raise BadPhoto(f"This file is not a picture we can read. {WANTED}")
    return "HEIF"


def _jpeg(data: bytes) -> str:
    if data.count(b"\xff\xda") > MOST_JPEG_SCANS or _jpeg_segments(data) > MOST_JPEG_SEGMENTS:
        raise BadPhoto(f"This JPEG is built in an unusual way. {WANTED}")
    return "JPEG"


def _jpeg_segments(data: bytes) -> int:
    """Segments before the first scan, counted no further than it matters."""
    offset, segments = 2, 0
    while segments <= MOST_JPEG_SEGMENTS and data[offset : offset + 1] == b"\xff" and offset + 4 <= len(data):
        if data[offset + 1] == 0xDA:
            break
        offset += 2 + struct.unpack(">H", data[offset + 2 : offset + 4])[0]
        segments += 1
    return segments


def _png(data: bytes) -> str:
    offset, chunks = 8, 0
    while offset + 8 <= len(data) and chunks <= MOST_PNG_CHUNKS:
        offset += 12 + struct.unpack(">I", data[offset : offset + 4])[0]
        chunks += 1
    if chunks > MOST_PNG_CHUNKS:
        raise BadPhoto(f"This PNG is built in an unusual way. {WANTED}")
    return "PNG"
