"""`fitting-room tryon`: one picture from two files, without a server."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from api.errors import ApiError
from api.photos import garment_picture
from inference import pictures
from inference.batching import make_one
from inference.jobs import BatchKey, Category, GenerationError
from inference.options import EngineOptions
from models.base import Image, TryOnInputs
from models.catalog import ModelCard
from models.preprocess.helpers import finders
from scripts.devices import parse_devices
from scripts.options import AcceptLicence, Card, Device, card_of, settings_with

Picture = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JPEG, PNG, WebP or HEIC.")]


def run(
    person: Picture,
    garment: Picture,
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="Where the PNG goes.")],
    card: Card = None,
    accept_licence: AcceptLicence = None,
    category: Annotated[Category, typer.Option(help="How the garment is worn.")] = "upper",
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same picture; random if not given.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps instead of the card's.")] = None,
    device: Device = None,
    mask: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="White where the garment may be drawn.")
    ] = None,
    densepose: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="DensePose's segmentation of PERSON.")
    ] = None,
    worn: Annotated[bool, typer.Option("--worn", help="Somebody wears the garment in its picture.")] = False,
) -> None:
    """Dress PERSON in GARMENT. The last line is one JSON object."""
    from inference.engine import Engine

    if not output.parent.is_dir():
        raise typer.BadParameter(f"There is no folder {output.parent} for the picture.")
    chosen = card_of(settings_with(device=device, card=card, accepted_licences=accept_licence))
    if mask is None and "mask" in chosen.needs:
        _check_finders(chosen)
    chosen_seed = secrets.randbelow(2**31) if seed is None else seed
    inputs = TryOnInputs(
        person=_pixels(person),
        garment=_pixels(garment),
        category=category,
        seed=chosen_seed,
        mask=pictures.to_mask(_pixels(mask)) if mask else None,
        densepose=_pixels(densepose) if densepose else None,
        garment_is_worn=worn,
    )
    started = time.perf_counter()
    engine = Engine(chosen, parse_devices(device)[0], EngineOptions(overlap=False))
    loaded = time.perf_counter()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("denoising", total=1.0)
        try:
            made = make_one(
                engine,
                inputs,
                BatchKey(chosen.name, steps, None),
                lambda fraction: progress.update(task, completed=fraction),
            )
        except GenerationError as error:
            raise typer.BadParameter(error.sentence) from None
    output.write_bytes(pictures.encode(made.image))
    seconds = {"load_s": round(loaded - started, 3), "generate_s": round(time.perf_counter() - loaded, 3)}
    told = {"output": str(output), "card": chosen.name, "seed": chosen_seed, "warnings": made.warnings}
    optimisations = [one.as_dict() for one in made.optimisations]
    print(json.dumps(told | seconds | {"optimisations": optimisations}))


def _check_finders(card: ModelCard) -> None:
    """Before gigabytes are loaded for nothing: without a mask, something must find it.

    Raises:
        typer.BadParameter: nothing that the card names is here and accepted.
    """
    usable = finders([*card.helpers, *card.optional_helpers])
    if any(helper.is_fetched or helper in card.helpers for helper in usable):
        return
    words = f"{card.name} must know where the garment may be drawn: give a picture of it with --mask"
    ways = [f"run {helper.fetching}" for helper in usable]
    for helper in finders(card.left_out_helpers):
        accepting = f"add --accept-licence {helper.name} here"
        ways.append(accepting if helper.is_fetched else f"run {helper.fetching} and {accepting}")
    raise typer.BadParameter(", or ".join([words, *ways]) + ".")


def _pixels(path: Path) -> Image:
    """The whole picture, upright and in sRGB, at most 2048 pixels a side: no crop, unlike the service's."""
    try:
        return pictures.decode(garment_picture(path.read_bytes()).data)
    except ApiError as error:
        raise typer.BadParameter(f"{path}: {error.message}") from error
