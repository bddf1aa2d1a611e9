"""Pictures as a page carries them within itself."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image as Pillow

from scripts.evaluation.pictures import opened

QUALITY = 88


def data_uri(path: Path, height: int) -> str:
    """A WebP of at most this height in pixels; empty where there is no such file."""
    if not path.is_file():
        return ""
    with opened(path) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail((4 * height, height), Pillow.Resampling.LANCZOS)
        written = io.BytesIO()
        picture.save(written, "WEBP", quality=QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode()}"
