"""`fitting-room draw`: people, garments, truths and masks to measure with, from nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def run(
    folder: Annotated[Path, typer.Argument(help="Folder to draw into; made when it is not there.")],
    num: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 100,
    height: Annotated[int, typer.Option(min=64, help="Of each picture, in pixels; its width is three quarters.")] = 512,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other people and garments.")] = 0,
) -> None:
    """Draw pairs of a person and a garment, with the truth, for the paper doll. The last line is one JSON object."""
    from scripts.evaluation.drawn import draw_pairs

    draw_pairs(folder, num, height, seed)
    print(json.dumps({"folder": str(folder), "pairs": str(folder / "pairs.csv"), "num": num}))
