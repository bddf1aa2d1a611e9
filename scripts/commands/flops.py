"""`fitting-room flops`: how much work a picture of a card is, and what the published code would take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.catalog import CardError, read_card
from scripts.options import settings_with

if TYPE_CHECKING:
    from models.catalog import ModelCard
    from models.flops import FlopCount


def run(card: Annotated[str, typer.Argument(help="A card's name, or a .toml file.")]) -> None:
    """Count the TFLOP of one finished picture at the card's defaults; nothing is fetched or computed."""
    from inference.loading import family_of

    chosen = read_card(card, settings_with().weights)
    if chosen.is_helper:
        raise CardError(f"{chosen.name} prepares pictures for other cards and makes none: name one that does.")
    counted = family_of(chosen).count_flops(chosen)
    _show(chosen, counted)
    told = {
        "denoise_tflop": counted.parts["denoise"],
        "denoise_tflop_published": counted.denoise_published,
        "denoise_tflop_garment_cached": counted.denoise_garment_cached,
    }
    rounded = {name: None if tflop is None else round(tflop, 4) for name, tflop in told.items()}
    print(json.dumps({"card": chosen.name} | rounded))


def _show(card: ModelCard, counted: FlopCount) -> None:
    table = Table("part", "TFLOP", "published", "garment cached", box=None)
    for part, tflop in counted.parts.items():
        others = ("", "")
        if part == "denoise":
            cached = counted.denoise_garment_cached
            others = (f"{counted.denoise_published:.5g}", "none" if cached is None else f"{cached:.5g}")
        table.add_row(part, f"{tflop:.5g}", *others)
    table.add_row("a picture", f"{counted.total:.5g}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{card.title}: {card.width} x {card.height}, {card.num_inference_steps} steps, guidance {card.guidance_scale}"
    )
    console.print(table)
    for saving in counted.savings:
        console.print(f"- {saving}")
