"""Uploaded bytes -> photographs: right pictures, or a sentence; never anything else."""

from __future__ import annotations

import contextlib
import io
import struct
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw

from api.errors import BadPhoto
from api.photos import Photo, garment_picture, person_photo

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

REAL = Path(__file__).parents[3] / "shared" / "photos"
SIZE = (320, 400)

both = pytest.mark.parametrize("make", [person_photo, garment_picture])


def scene(size: tuple[int, int] = SIZE) -> Image.Image:
    """Red above left, green above right, blue below left, grey below right, and a photograph's many colours between."""
    image = Image.new("RGB", size, (128, 128, 128))
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.rectangle((0, 0, width // 2, height // 2), fill=(220, 40, 30))
    draw.rectangle((width // 2, 0, width, height // 2), fill=(40, 180, 60))
    draw.rectangle((0, height // 2, width // 2, height), fill=(30, 60, 200))
    for number in range(400):
        draw.point((number % width, height // 2 + number // width), fill=(number % 256, number // 2, 77))
    return image


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(photo: Photo) -> npt.NDArray[np.int64]:
    with Image.open(io.BytesIO(photo.data)) as image:
        assert image.mode == "RGB"
        assert image.size == (photo.width, photo.height)
        return np.asarray(image).astype(np.int64)


def corners(photo: Photo) -> list[list[int]]:
    """The colour near each corner: above left, above right, below left, below right."""
    picture = pixels(photo)
    rows, columns = picture.shape[0] // 8, picture.shape[1] // 8
    return [picture[r, c].tolist() for r in (rows, -rows) for c in (columns, -columns)]


def assert_is_scene(photo: Photo, tolerance: int = 6) -> None:
    wanted = [(220, 40, 30), (40, 180, 60), (30, 60, 200), (128, 128, 128)]
    assert np.abs(np.array(corners(photo)) - wanted).max() <= tolerance


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"progressive": True, "quality": 95}),
        ("PNG", {}),
        ("WEBP", {"quality": 95}),
        ("WEBP", {"lossless": True}),
        ("HEIF", {"quality": 95}),
    ],
)
def test_each_format_is_read(kind: str, options: dict[str, Any]) -> None:
    assert_is_scene(person_photo(encode(scene(), kind, **options)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_camera_s_photograph_comes_out_upright(kind: str, orientation: int) -> None:
    sensor = [None, None, 0, 3, 1, 5, 2, 6, 4][orientation]  # how it saw the scene, as PIL.Image.Transpose
    stored = scene() if sensor is None else scene().transpose(Image.Transpose(sensor))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_is_scene(person_photo(encode(stored, kind, quality=95, exif=exif)))


def test_a_turned_heic_comes_out_upright_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert_is_scene(
        person_photo(encode(scene().transpose(Image.Transpose.ROTATE_90), "HEIF", quality=95, exif=exif.tobytes()))
    )


@both
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_no_metadata_survives(kind: str, make: Callable[[bytes], Photo]) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET-PLACE"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(scene(), kind, exif=exif, icc_profile=icc, xmp=b"<x>SECRET-PLACE</x>")
    if kind == "JPEG":
        data = data[:2] + b"\xff\xfe\0\x0eSECRET-PLACE" + data[2:]
    photo = make(data + b"<script>SECRET-PLACE</script>")
    assert b"SECRET-PLACE" not in photo.data
    with Image.open(io.BytesIO(photo.data)) as image:
        assert not image.getexif()
        assert not {"icc_profile", "exif", "xmp", "comment", "Comment"} & set(image.info)


def test_other_modes_give_the_same_picture() -> None:
    assert_is_scene(person_photo(encode(scene().quantize(16), "PNG")))
    rgba = scene().convert("RGBA")
    assert_is_scene(person_photo(encode(rgba, "PNG")))
    assert_is_scene(person_photo(encode(rgba, "WEBP", lossless=True)))
    grey = corners(person_photo(encode(scene().convert("L"), "JPEG", quality=95)))
    assert abs(grey[3][0] - 128) <= 3
    assert all(max(colour) - min(colour) <= 3 for colour in grey)
    assert corners(person_photo(encode(Image.new("1", SIZE, 1), "PNG")))[0] == [255, 255, 255]


def test_cmyk_is_not_inverted() -> None:
    assert_is_scene(person_photo(encode(scene().convert("CMYK"), "JPEG", quality=95)), tolerance=10)


def test_16_bit_greys_and_colours_keep_their_brightness() -> None:
    greys = Image.fromarray(np.full((400, 320), 128 * 257, np.uint16))
    assert corners(person_photo(encode(greys, "PNG")))[0] == [128, 128, 128]
    assert_is_scene(person_photo(png_of_16_bits(np.asarray(scene()).astype(np.uint16) * 257)))


def png_of_16_bits(picture: npt.NDArray[np.uint16]) -> bytes:
    height, width, _ = picture.shape
    rows, stride = picture.astype(">u2").tobytes(), width * 6
    raw = b"".join(b"\0" + rows[y * stride : (y + 1) * stride] for y in range(height))
    return png(width, height, 16, raw)


def png(width: int, height: int, bits: int, raw: bytes) -> bytes:
    """An RGB picture, of raw scan lines."""
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(raw)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@both
def test_transparency_becomes_white(make: Callable[[bytes], Photo]) -> None:
    clear = Image.new("RGBA", SIZE, (255, 0, 0, 0))
    assert corners(make(encode(clear, "PNG")))[0] == [255, 255, 255]
    half = Image.new("RGBA", SIZE, (0, 0, 0, 128))
    assert abs(corners(make(encode(half, "PNG")))[0][0] - 127) <= 2
    keyed = Image.new("RGB", SIZE, (255, 0, 255))
    assert corners(make(encode(keyed, "PNG", transparency=(255, 0, 255))))[0] == [255, 255, 255]


def test_a_wide_gamut_profile_is_converted_not_dropped() -> None:
    # Adobe RGB's primaries: its mid green is a stronger green in sRGB.
    adobe = matrix_profile([[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]])
    flat = Image.new("RGB", SIZE, (120, 180, 120))
    plain, converted = (corners(garment_picture(encode(flat, "PNG", icc_profile=icc)))[0] for icc in (None, adobe))
    assert plain == [120, 180, 120]
    assert converted[0] < 95
    assert abs(converted[1] - 181) <= 3


def matrix_profile(xyz_of_rgb: list[list[float]]) -> bytes:
    """A minimal ICC version 2 display profile: three colourants and a gamma of 2.2."""

    def xyz(values: list[float]) -> bytes:
        return struct.pack(">8x3i", *(round(value * 65536) for value in values)).replace(b"\0" * 8, b"XYZ \0\0\0\0", 1)

    white = [0.9642, 1.0, 0.8249]
    gamma = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(2.2 * 256))
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + b"\0" * 78, b"wtpt": xyz(white)}
    tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, xyz_of_rgb), strict=True))
    tags |= {b"rTRC": gamma, b"gTRC": gamma, b"bTRC": gamma}
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s12x4s28x", 0, b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    whole = (header + xyz(white)[8:]).ljust(128, b"\0") + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


@pytest.mark.parametrize("icc", [b"nonsense", b"\0" * 200])
def test_a_broken_profile_does_not_break_the_picture(icc: bytes) -> None:
    assert_is_scene(person_photo(encode(scene(), "PNG", icc_profile=icc)))


def test_an_hdr_heic_keeps_its_midtones_and_rolls_off_its_lights() -> None:
    def pq_code(nits: float) -> int:
        y = (nits / 10_000) ** 0.1593017578125
        return round(65535 * ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)

    picture = np.zeros((400, 320, 3), np.uint16)
    picture[:200, :160], picture[:200, 160:] = pq_code(203 * 0.2159), pq_code(203)  # mid grey, diffuse white
    picture[200:, :160], picture[200:, 160:] = pq_code(1000), pq_code(1)
    buffer = io.BytesIO()
    heif = pillow_heif.from_bytes("RGB;16", SIZE, picture.tobytes())
    heif.save(buffer, quality=95, color_primaries=9, transfer_characteristics=16, matrix_coefficients=9)
    grey, white, light, dark = (colour[1] for colour in corners(person_photo(buffer.getvalue())))
    assert abs(grey - 128) <= 6
    assert 235 <= white < light <= 255
    assert dark < 25


def test_a_display_p3_heic_without_a_profile_is_converted() -> None:
    buffer = io.BytesIO()
    heif = pillow_heif.from_pillow(Image.new("RGB", SIZE, (120, 180, 120)))
    heif.save(buffer, quality=95, color_primaries=12, transfer_characteristics=13, matrix_coefficients=6)
    red, green, _ = corners(person_photo(buffer.getvalue()))[0]
    assert red < 112
    assert abs(green - 181) <= 4


@pytest.mark.parametrize(
    ("size", "wanted"), [((800, 400), (320, 400)), ((400, 1200), (400, 500)), ((400, 500), (400, 500))]
)
def test_the_crop_is_4_to_5(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    photo = person_photo(encode(scene(size), "PNG"))
    assert (photo.width, photo.height) == wanted


def test_the_crop_keeps_the_middle_of_a_wide_picture_and_the_head_of_a_tall_one() -> None:
    tall = Image.new("RGB", (400, 1000), "white")
    ImageDraw.Draw(tall).rectangle((150, 60, 250, 160), fill="black")
    assert (pixels(person_photo(encode(tall, "PNG"))).sum(axis=2) < 100).sum() > 9_900
    wide = Image.new("RGB", (1000, 400), "white")
    ImageDraw.Draw(wide).rectangle((450, 0, 550, 399), fill="black")
    assert pixels(person_photo(encode(wide, "PNG")))[200, 160].tolist() == [0, 0, 0]


def test_large_pictures_are_scaled_and_garments_are_not_cropped() -> None:
    big = encode(scene((3000, 6000)), "JPEG", quality=90)
    garment, person = garment_picture(big), person_photo(big)
    assert (garment.width, garment.height) == (1024, 2048)
    assert (person.width, person.height) == (1024, 1280)
    assert_is_scene(garment_picture(encode(scene((3000, 3000)).quantize(16), "PNG")))


def test_a_map_of_labels_comes_through_unchanged() -> None:
    labels = np.zeros((400, 320), np.uint8)
    for label in range(25):
        labels[label * 16 : (label + 1) * 16, label * 12 :] = label
    photo = person_photo(encode(Image.fromarray(labels), "PNG"))
    assert photo.suffix == "png"
    assert np.array_equal(pixels(photo)[..., 0], labels)
    assert person_photo(encode(scene(), "PNG")).suffix == "jpg"


def test_drawn_edges_stay_crisp() -> None:
    lines = Image.new("RGB", SIZE, (255, 255, 255))
    for x in range(0, 320, 4):
        ImageDraw.Draw(lines).line((x, 0, x, 400), fill=(200, 0, 120), width=2)
    wanted = np.asarray(lines).astype(int)
    assert np.abs(pixels(person_photo(encode(lines, "PNG"))) - wanted).mean() < 2.0


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


def with_many_scans() -> bytes:
    data = encode(scene(), "JPEG", progressive=True)
    start = data.index(b"\xff\xda")
    return data[:start] + data[start:-2] * 100 + data[-2:]


def with_many_chunks() -> bytes:
    data = encode(scene(), "PNG")
    return data[:33] + png_chunk(b"abCd", b"") * 500_000 + data[33:]


UNUSABLE = {
    "empty": (b"", "empty"),
    "text": (b"hello, this is not a picture", "not a picture"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "svg with a prolog": (b"\xef\xbb\xbf\n<?xml version='1.0'?><svg/>", "SVG"),
    "gif": (encode(scene(), "GIF"), "GIF"),
    "tiff": (encode(scene(), "TIFF"), "TIFF"),
    "bmp": (encode(scene(), "BMP"), "BMP"),
    "avif": (encode(scene(), "AVIF"), "is an AVIF. Please upload a JPEG, PNG, WebP or HEIC"),
    "avif by its second brand": (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + b"\0" * 50, "is an AVIF"),
    "film": (b"\0\0\0\x20ftypisom\0\0\0\0isomiso2avc1mp41" + b"\0" * 50, "not a picture"),
    "signature only": (b"\xff\xd8\xff\xe0", "damaged"),
    "half a jpeg": (encode(scene(), "JPEG")[:1500], "damaged"),
    "half a png": (encode(scene(), "PNG")[:-400], "damaged"),
    "half a webp": (encode(scene(), "WEBP")[:300], "damaged"),
    "half a heic": (encode(scene(), "HEIF")[:-300], "damaged"),
    "a bomb": (png(60_000, 60_000, 8, b"\0" * 1_000_000), "64 megapixels"),
    "a smaller bomb": (png(9_000, 9_000, 8, b"\0" * 1_000_000), "64 megapixels"),
    "1 pixel high": (encode(scene((400, 1)), "PNG"), "400 x 1 pixels"),
    "no pixels": (png(0, 400, 8, b""), "damaged|pixels"),
    "tiny": (encode(scene((100, 125)), "JPEG"), "at least 128 pixels"),
    "a strip": (encode(scene((200, 1000)), "JPEG"), "narrow strip"),
    "animated webp": (animation("WEBP"), "animated"),
    "animated png": (animation("PNG"), "animated"),
    "many scans": (with_many_scans(), "unusual"),
    "many segments": (encode(scene(), "JPEG")[:2] + b"\xff\xec\0\2" * 2_000_000, "unusual"),
    "many chunks": (with_many_chunks(), "unusual"),
    "gif in jpeg's clothes": (b"\xff\xd8\xff\xe0" + encode(scene(), "GIF"), "damaged"),
    "photo cd in jpeg's clothes": (b"\xff\xd8\xff\xe0".ljust(2048, b"\0") + b"PCD_".ljust(800_000, b"\0"), "damaged"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", UNUSABLE)
@both
def test_what_cannot_be_used_is_refused_quickly_with_a_sentence(name: str, make: Callable[[bytes], Photo]) -> None:
    data, words = UNUSABLE[name]
    started = time.monotonic()
    with pytest.raises(BadPhoto, match=words) as refusal:
        make(data)
    assert time.monotonic() - started < 2.0
    assert refusal.value.status == 400
    assert refusal.value.message.endswith(".")
    assert "Please" in refusal.value.message


SEEDS = [encode(scene((160, 200)), kind) for kind in ("JPEG", "PNG", "WEBP", "HEIF")]


@settings(max_examples=500, deadline=5000, suppress_health_check=list(HealthCheck))
@given(
    data=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6), st.integers(0, 6)), min_size=1, max_size=4),
    kept=st.floats(0.3, 1.5),
)
def test_mutated_pictures_give_a_picture_or_a_sentence(
    data: bytes, changes: list[tuple[float, bytes, int]], kept: float
) -> None:
    for where, inserted, removed in changes:
        offset = int(where * len(data))
        data = data[:offset] + inserted + data[offset + removed :]
    with contextlib.suppress(BadPhoto):
        photo = person_photo(data[: int(kept * len(data))])
        assert pixels(photo).shape == (photo.height, photo.width, 3)


@pytest.mark.skipif(not REAL.is_dir(), reason="no real photographs lie in shared/photos beside the repository")
@pytest.mark.parametrize("name", ["person.webp", "garment.webp"])
def test_real_photographs_come_through_unharmed(name: str) -> None:
    data = (REAL / name).read_bytes()
    photo = person_photo(data)
    assert abs(photo.width / photo.height - 0.8) < 0.002
    with Image.open(io.BytesIO(data)) as original:
        top = round((original.height - photo.height) * 0.1)
        wanted = np.asarray(original.convert("RGB")).astype(int)[top : top + photo.height, : photo.width]
    assert np.abs(pixels(photo) - wanted).mean() < 1.5
