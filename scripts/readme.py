"""Writes what is generated in the README: `python -m scripts.readme`, with `--picture` its picture too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image as Pillow

from api.settings import SAMPLES
from api.settings_table import settings_table
from inference import pictures
from inference.batching import make_one
from inference.jobs import BatchKey
from inference.options import EngineOptions
from models.base import Image, TryOnInputs
from models.catalog import load_card

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "tryon.png"
MARKED = re.compile(r"(<!-- settings -->\n).*(<!-- /settings -->)", re.DOTALL)
SHOWN = (("ada", "breton-top-navy"), ("ben", "argyle-jumper-rust"))
HEIGHT, WIDTH = 480, 360  # pixels of one picture


def with_settings_table(text: str) -> str:
    """`text` with the tables of the settings as they are now between its two markers."""
    return MARKED.sub(lambda marked: f"{marked[1]}{settings_table()}{marked[2]}", text)


def draw_picture() -> Image:
    """Figure, product and result, side by side, for each of `SHOWN`: `uint8 [H, W, 3] RGB`."""
    from inference.engine import Engine

    engine = Engine(load_card("paperdoll"), "cpu", EngineOptions(overlap=False))
    strips = []
    for figure, product in SHOWN:
        person = pictures.decode((SAMPLES / "figures" / f"{figure}.png").read_bytes())
        garment = pictures.decode((SAMPLES / "products" / f"{product}.png").read_bytes())
        worn = make_one(engine, TryOnInputs(person, garment, "upper", seed=0), BatchKey("paperdoll", None, None))
        strips.append(np.hstack([_small(image) for image in (person, garment, worn.image)]))
    return np.hstack(strips)


def _small(image: Image) -> Image:
    return np.asarray(Pillow.fromarray(image).resize((WIDTH, HEIGHT), Pillow.Resampling.LANCZOS))


def main(picture: Annotated[bool, typer.Option("--picture", help="Draw the picture again, too.")] = False) -> None:
    """Write the settings tables into the README."""
    README.write_text(with_settings_table(README.read_text()))
    if picture:
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_bytes(pictures.encode(draw_picture()))


if __name__ == "__main__":
    typer.run(main)
