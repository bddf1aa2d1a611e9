"""`fitting-room models`: the cards that ship, what they may be used for, what they cost, and which are here."""

from __future__ import annotations

import json

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from models.catalog import ModelCard, card_names, read_card
from models.footprint import Footprint, told_of
from scripts.options import Data, settings_with

WIDTH = 130  # characters of a row: a narrow terminal breaks it, which is better than cutting names short
COLOURS = {"yes": "green", "grey": "yellow", "no": "red"}


def run(data: Data = None) -> None:
    """List the model cards and the helpers that prepare pictures for them. The last line is one JSON object."""
    settings = settings_with(data=data)
    cards = [read_card(name, settings.weights, settings.accepted_licences) for name in card_names()]
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    console.print(_makers([card for card in cards if not card.is_helper]))
    for card in cards:
        if told := told_of(card):
            console.print(f"{card.name}, placement {card.placement}: {told}")
    console.print(_helpers([card for card in cards if card.is_helper]))
    print(json.dumps({"models": [_told(card) for card in cards]}))


def _makers(cards: list[ModelCard]) -> Table:
    table = _table("card", "weights' licence", "commercial", "size", "needs", "TFLOP", "steps", "fetched")
    for card in cards:
        work = f"{card.tflop_per_picture:,.0f}" if card.tflop_per_picture >= 1 else f"{card.tflop_per_picture:.2g}"
        needs, steps = ", ".join(card.needs), str(card.num_inference_steps)
        table.add_row(
            card.name, card.licence.weights, _commercial(card), _size(card), needs, work, steps, _fetched(card)
        )
    return table


def _helpers(cards: list[ModelCard]) -> Table:
    table = _table("helper", "weights' licence", "commercial", "size", "fetched")
    for card in cards:
        table.add_row(card.name, card.licence.weights, _commercial(card), _size(card), _fetched(card))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right" if name in ("size", "TFLOP", "steps") else "left")
    return table


def _commercial(card: ModelCard) -> str:
    said = card.licence.commercial
    because = f" ({', '.join(card.licence.restricted)})" if card.licence.restricted else ""
    return f"[{COLOURS[said]}]{said}[/]{because}"


def _size(card: ModelCard) -> str:
    return decimal(_num_bytes(card))


def _num_bytes(card: ModelCard) -> int:
    """On the disk, as far as it is here; else as the card says."""
    paths = [(card.path(file.path), file.size) for file in card.files]
    return sum(path.stat().st_size if path.is_file() else size for path, size in paths)


def _fetched(card: ModelCard) -> str:
    return "[green]yes[/]" if card.is_fetched else "no"


def _told(card: ModelCard) -> dict[str, object]:
    return {
        "card": card.name,
        "family": card.family,
        "is_helper": card.is_helper,
        "licence": card.licence.weights,
        "commercial": card.licence.commercial,
        "restricted": card.licence.restricted,
        "bytes": _num_bytes(card),
        "needs": card.needs,
        "tflop_per_picture": card.tflop_per_picture,
        "num_inference_steps": card.num_inference_steps,
        "fetched": card.is_fetched,
        "placement": card.placement,
        "device_bytes": Footprint.of(card).device_bytes,
        "moved_bytes_a_step": Footprint.of(card).moved_bytes,
    }
