"""`fitting-room bars`: score a paper doll on held-out drawings and say whether its bars are met."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from models.catalog import CardError
from scripts.devices import parse_devices
from scripts.options import Device, card_of, settings_with


def run(
    card: Annotated[str, typer.Option(help="A card of the paper doll's family, by name or .toml file.")] = "paperdoll",
    device: Device = None,
    seen: Annotated[int, typer.Option(min=1, help="Held-out figures in patterns of the training kinds.")] = 200,
    unseen: Annotated[int, typer.Option(min=1, help="Held-out figures in patterns never trained on.")] = 100,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps instead of the card's.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Also write a PNG of person, garment, result and truth.")] = None,
) -> None:
    """Score a paper doll on held-out figures and garments. The last line is one JSON object."""
    import torch

    from models.base import Loading
    from models.paperdoll.evaluation import contact_sheet, evaluate
    from models.paperdoll.family import PaperDoll

    chosen = card_of(settings_with(card=card))
    if chosen.family != "paperdoll":
        raise CardError(f"The held-out pictures are drawn for the paper doll; {chosen.name} cannot be scored on them.")
    family = PaperDoll.load(chosen, torch.device(parse_devices(device)[0]), Loading())
    columns = (TextColumn("bars"), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("bars", total=1.0)
        figures = evaluate(
            family,
            num_seen=seen,
            num_unseen=unseen,
            num_inference_steps=steps,
            on_progress=lambda fraction: progress.update(task, completed=fraction),
        )
    if sheet is not None:
        contact_sheet(family, sheet)
    print(json.dumps(figures))
