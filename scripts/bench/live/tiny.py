"""A products folder and a photograph as small as the service takes: what is left is what the service itself costs."""

from __future__ import annotations

import io
import json
from pathlib import Path

from PIL import Image

SIZE = (128, 160)  # width, height in pixels


def products(folder: Path) -> Path:
    """`folder`, made, with one product."""
    folder.mkdir(parents=True)
    (folder / "garment.png").write_bytes(picture())
    product = {
        "productId": "gid://shopify/Product/1",
        "title": "Plain tee",
        "image": "garment.png",
        "category": "upper",
    }
    (folder / "products.json").write_text(json.dumps({"products": [product]}))
    return folder


def picture() -> bytes:
    """A PNG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", SIZE, "teal").save(buffer, "PNG")
    return buffer.getvalue()
