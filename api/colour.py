"""Any picture's colours -> 8-bit sRGB without alpha."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

SRGB = ImageCms.createProfile("sRGB")

# ITU-T H.273 code points, as HEIF writes them.
BT709, P3 = 1, 12
PRIMARIES = {
    9: [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],  # BT.2020
    P3: [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]],
}
"""Linear light of these primaries -> linear light of BT.709, which sRGB shares."""
PQ, HLG = 16, 18

WHITE_NITS = 203.0  # what HDR calls diffuse white (ITU-R BT.2408): our 1.0
KNEE = 0.8  # of white; brighter light is rolled off, darker light kept as it is


@dataclass(frozen=True, slots=True)
class Coding:
    """How a HEIF codes its colours: code points for primaries and transfer."""

    primaries: int = BT709
    transfer: int = 0

    @classmethod
    def of(cls, info: Mapping[Any, Any]) -> Coding:
        nclx = info.get("nclx_profile") or {}
        return cls(nclx.get("color_primaries", BT709), nclx.get("transfer_characteristics", 0))


def to_srgb(image: Image.Image) -> Image.Image:
    """A new `RGB` picture in sRGB, on white where `image` is transparent, carrying none of its metadata."""
    coding = Coding.of(image.info)
    icc = image.info.get("icc_profile")
    solid, alpha = _split(image)
    if icc:
        solid = _from_profile(solid, icc)
    elif coding.primaries in PRIMARIES or coding.transfer in (PQ, HLG):
        solid = _from_coding(solid.convert("RGB"), coding)
    clean = Image.new("RGB", image.size, "white")
    clean.paste(solid.convert("RGB"), mask=alpha)
    return clean


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours in a mode that colour management knows (`L`, `RGB`, `CMYK`), and alpha where there is any."""
    if image.mode.startswith("I"):
        return _eight_bits(image), None
    if image.mode in ("L", "RGB", "CMYK") and "transparency" not in image.info:
        return image, None
    if image.mode == "LA":
        return image.getchannel("L"), image.getchannel("A")
    rgba = image.convert("RGBA")
    return rgba.convert("RGB"), rgba.getchannel("A")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit greys, which Pillow holds as integers from 0 to 65535."""
    return Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))


def _from_profile(image: Image.Image, icc: bytes) -> Image.Image:
    """Through the embedded profile; one that is broken or of another kind of picture is ignored, as browsers do."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        converted = ImageCms.profileToProfile(
            image, profile, SRGB, renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image
    assert converted is not None
    return converted


def _from_coding(image: Image.Image, coding: Coding) -> Image.Image:
    light = _linear(coding.transfer)[np.asarray(image)]
    if coding.primaries in PRIMARIES:
        light = light @ np.array(PRIMARIES[coding.primaries], np.float32).T
    if coding.transfer in (PQ, HLG):
        light = _roll_off(light)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)
    return Image.fromarray((encoded.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def _linear(transfer: int) -> Floats:
    """Linear light of each of the 256 code values; 1 is diffuse white."""
    code = np.linspace(0, 1, 256)
    if transfer == PQ:
        root = code ** (1 / 78.84375)
        light = 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        return (light / WHITE_NITS).astype(np.float32)
    if transfer == HLG:
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        return (1000 * scene**1.2 / WHITE_NITS).astype(np.float32)
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _roll_off(light: Floats) -> Floats:
    """Highlights above white brought below it, by the brightest channel, so that hues stay."""
    peak = light.max(axis=-1, keepdims=True)
    rolled = KNEE + (1 - KNEE) * (1 - np.exp(-(peak - KNEE) / (1 - KNEE)))
    return np.where(peak > KNEE, light * rolled / np.maximum(peak, 1e-6), light).astype(np.float32)
