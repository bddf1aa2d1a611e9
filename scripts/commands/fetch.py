"""`fitting-room fetch`: a card's checkpoint, and the helpers it needs, onto this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal

from models.catalog import load_card
from scripts.options import AcceptLicence, Data, settings_with

INTERRUPTED = 130  # as shells have it

From = Annotated[
    Path | None,
    typer.Option("--from", exists=True, file_okay=False, help="Take the files from this folder, without a network."),
]


def run(
    card: Annotated[str, typer.Argument(help="A card's name, or a .toml file.")],
    source: From = None,
    accept_licence: AcceptLicence = None,
    data: Data = None,
) -> None:
    """Fetch what is missing or damaged of CARD; goes on where it was stopped. The last line is one JSON object."""
    from models.files.fetching import fetch

    settings = settings_with(data=data, accepted_licences=accept_licence)
    chosen = load_card(card, settings.weights, settings.accepted_licences)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        fetched = fetch(chosen, source, console.print)
    except KeyboardInterrupt:
        console.print("\nStopped. The same command goes on from there.")
        raise typer.Exit(INTERRUPTED) from None
    console.print(f"{chosen.title} is in {chosen.folder}.")
    for helper in (*chosen.optional_helpers, *chosen.left_out_helpers):
        if not helper.is_fetched:
            size = decimal(sum(file.size for file in helper.files))
            terms = ", not for commercial use" if helper.licence.restricted else ""
            console.print(f"Optional: {helper.title}, {size}{terms}: {helper.fetching}")
    num_bytes = sum(path.stat().st_size for path in fetched)
    print(json.dumps({"card": chosen.name, "folder": str(chosen.folder), "fetched": len(fetched), "bytes": num_bytes}))
