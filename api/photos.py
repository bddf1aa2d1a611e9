"""Uploaded bytes -> a verified, upright, metadata-free photograph. A stranger's are given to `decoding`."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pillow_heif
from PIL import Image

from api.colour import to_srgb
from api.errors import BadPhoto
from api.formats import recognise

pillow_heif.register_heif_opener(thumbnails=False)

MEGAPIXELS = 64  # the largest a phone takes in its everyday modes
SHORTEST_SIDE = 128  # pixels
MOST_ELONGATED = 4  # long side by short side
LONGEST_SIDE = 2048  # pixels; more than any family of models looks at
ASPECT = 4 / 5  # width by height
HEADROOM = 0.1  # of what is cut off a tall picture, the share cut above: heads are near the top, feet can go

ORIENTATION = 0x0112  # EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

MOST_LABELS = 256  # colours
SUFFIXES = {"JPEG": "jpg", "PNG": "png"}

TOO_MANY_PIXELS = f"This picture has more than {MEGAPIXELS} megapixels. Please upload a smaller version of it."
DAMAGED = "This picture is damaged or incomplete. Please upload it again, or choose another."


@dataclass(frozen=True, slots=True)
class Photo:
    """A finished picture: JPEG or PNG bytes in sRGB without metadata, the suffix of such files, its size in pixels."""

    data: bytes
    suffix: str
    width: int
    height: int


def person_photo(data: bytes) -> Photo:
    """The photograph of a person, upright and cropped to 4:5, as JPEG.

    At quality 95 without chroma subsampling: drawn figures keep crisp coloured edges, where 4:2:0 would smear them, and
    a photograph takes a third of its PNG. What has at most 256 colours is no photograph but a mask or a map of labels,
    and is kept lossless, as PNG.

    Raises:
        BadPhoto: with a sentence that says what to do.
    """
    picture = _crop(_read(data))
    if picture.getcolors(MOST_LABELS) is not None:
        return _encoded(picture, "PNG")
    return _encoded(picture, "JPEG", quality=95, subsampling=0)


def garment_picture(data: bytes) -> Photo:
    """A product's picture, whole and lossless, as PNG.

    Raises:
        BadPhoto: with a sentence that says what to do.
    """
    return _encoded(_read(data), "PNG")


def whole_picture(data: bytes) -> Image.Image:
    """As `garment_picture`, for a caller in the same process: `RGB`, not encoded.

    Raises:
        BadPhoto: with a sentence that says what to do.
    """
    return _read(data)


def _read(data: bytes) -> Image.Image:
    kind = recognise(data)
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            _check(image, kind)
            if kind == "JPEG":
                image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))  # decodes large ones at a half or quarter: faster
            image.load()
            return _upright(to_srgb(_at_most(image)), image)
    except (BadPhoto, MemoryError):
        raise
    except Image.DecompressionBombError:  # so many that Pillow itself refuses, before it tells the size
        raise BadPhoto(TOO_MANY_PIXELS) from None
    except Exception as error:  # a decoder may raise anything when fed hostile bytes
        raise BadPhoto(DAMAGED) from error


def _check(image: Image.Image, kind: str) -> None:
    """Refuse by what the header says, before anything is decoded."""
    width, height = image.size
    if width * height > MEGAPIXELS * 1_000_000:
        raise BadPhoto(TOO_MANY_PIXELS)
    if min(width, height) < SHORTEST_SIDE:
        raise BadPhoto(
            f"This picture is only {width} x {height} pixels. "
            f"Please upload one with at least {SHORTEST_SIDE} pixels on each side."
        )
    if max(width, height) > MOST_ELONGATED * min(width, height):
        raise BadPhoto("This picture is a narrow strip. Please upload an ordinary upright photograph.")
    # Phones put previews and HDR data behind the picture itself, as more frames of a JPEG or HEIF.
    if kind in ("PNG", "WEBP") and getattr(image, "is_animated", False):
        raise BadPhoto("This picture is animated. Please upload a still photograph.")


def _at_most(image: Image.Image) -> Image.Image:
    """Scaled so that the long side is at most `LONGEST_SIDE`, in a mode that can be averaged; `info` is kept."""
    scale = LONGEST_SIDE / max(image.size)
    if scale >= 1:
        return image
    kept = image.info
    if image.mode in ("1", "P", "PA") or "transparency" in kept:
        image = image.convert("RGBA")
        kept = {name: value for name, value in kept.items() if name != "transparency"}
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    smaller = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    smaller.info = kept
    return smaller


def _upright(clean: Image.Image, original: Image.Image) -> Image.Image:
    """`clean`, turned as the original's EXIF says."""
    try:
        turn = TURNS.get(original.getexif().get(ORIENTATION, 1))
    except Exception:  # a broken EXIF block does not make a broken picture
        return clean
    return clean if turn is None else clean.transpose(turn)


def _crop(image: Image.Image) -> Image.Image:
    """The largest 4:5 part: the middle of a wide picture, the upper part of a tall one, whose head is kept."""
    width, height = image.size
    if width > height * ASPECT:
        kept = round(height * ASPECT)
        left = (width - kept) // 2
        return image.crop((left, 0, left + kept, height))
    kept = round(width / ASPECT)
    top = round((height - kept) * HEADROOM)
    return image.crop((0, top, width, top + kept))


def _encoded(image: Image.Image, kind: str, **options: int) -> Photo:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Photo(buffer.getvalue(), SUFFIXES[kind], *image.size)
